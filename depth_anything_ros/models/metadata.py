"""What a safetensors file says of itself: read from its header alone, without torch."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.models.local_file import SAFETENSORS_SUFFIX
from depth_anything_ros.models.spec import ModelSpec

OWN_KEY = 'depth_anything_ros'
"""The entry of the metadata with :func:`own_metadata`."""
HEADER_KEY = 'depth_anything_ros_packed'
"""The entry with the header of a packed file, see `packed_header`."""

# The header of the largest model takes 150 kB.
_LARGEST_HEADER = 1 << 23
# How files begin that are no checkpoints of the kind that their name says.
_STARTS = {
    b'version https://git-lfs': 'it is a pointer of Git LFS; run `git lfs pull` where it is from',
    b'<': 'it is a web page; download the file itself',
}
_START_BYTES = 64
_ZIP = b'PK\x03\x04'
# A pickle says so and which protocol it has; 5 is the last.
_PICKLE = re.compile(rb'\x80[\x00-\x05]')


def own_metadata(spec: ModelSpec) -> dict[str, str]:
    """Return the metadata that tells model, kind of output and range of a file written by us."""
    about = {
        'model': spec.name,
        'output': spec.output_kind.value,
        'max_depth_m': spec.max_depth_m,
    }
    # One entry only: safetensors writes several in an order that changes from call to call.
    return {OWN_KEY: json.dumps(about)}


def read_metadata(path: Path) -> dict[str, str]:
    """
    Return the metadata of a checkpoint; empty for a file that is not a safetensors file.

    :raises CheckpointError: if a safetensors file has no header that can be read.
    """
    if path.suffix != SAFETENSORS_SUFFIX:
        return {}
    try:
        size = path.stat().st_size
        with path.open('rb') as file:
            start = file.read(_START_BYTES)
            mistaken = _kind_of(start, path)
            if mistaken or len(start) < 8:
                raise not_a_checkpoint(path, mistaken or 'it has no header')
            (length,) = struct.unpack_from('<Q', start)
            if length > min(size - 8, _LARGEST_HEADER):
                raise not_a_checkpoint(path, f'its header should have {length} bytes')
            file.seek(8)
            header = parse_json(file.read(length))
    except OSError as error:
        raise CheckpointError(f"checkpoint '{path}' cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise not_a_checkpoint(path, 'its header is not JSON') from error
    entries: Any = header.get('__metadata__', {}) if isinstance(header, dict) else None
    if not isinstance(entries, dict) or any(type(text) is not str for text in entries.values()):
        raise not_a_checkpoint(path, 'its metadata is not a table of texts')
    return entries


def mistaken_for(path: Path) -> str:
    """Return what a file is instead of a checkpoint of the kind its name says, '' if not known."""
    try:
        with path.open('rb') as file:
            return _kind_of(file.read(_START_BYTES), path)
    except OSError:
        return ''


def _kind_of(start: bytes, path: Path) -> str:
    if not start:
        return 'it is empty'
    named = path.suffix == SAFETENSORS_SUFFIX
    if named and start[8:9] == b'{':
        return ''  # the length of the header may begin as any mark does
    if named and start.startswith(_ZIP):
        return "it is a file of torch.save; let its name end in '.pth'"
    if named and _PICKLE.match(start):
        return "it is a pickle; let its name end in '.pth'"
    if not named and start[8:10] == b'{"' and not start.startswith(_ZIP):
        return f"it is a safetensors file; let its name end in '{SAFETENSORS_SUFFIX}'"
    return next((what for mark, what in _STARTS.items() if start.startswith(mark)), '')


def not_a_checkpoint(path: Path, reason: str) -> CheckpointError:
    """Return the error for a file that is not a checkpoint, or is cut."""
    return CheckpointError(
        f"checkpoint '{path}' is damaged or not a checkpoint ({path.stat().st_size} bytes): "
        f'{reason}'
    )


def damaged(path: Path, reason: str) -> CheckpointError:
    """Return the error for a checkpoint that contradicts itself."""
    return CheckpointError(f"checkpoint '{path}' is damaged: {reason}")
