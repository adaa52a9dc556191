"""A checkpoint file and what it says of itself, read once on its way into a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.models.metadata import HEADER_KEY, read_metadata
from depth_anything_ros.models.packed_header import PackedHeader


@dataclass(frozen=True)
class CheckpointFile:
    """
    A checkpoint file with the header that was read of it.

    `metadata` are the entries of a safetensors file, none of another one. `packed` is the header
    of a packed file, None of an ordinary checkpoint.
    """

    path: Path
    metadata: Mapping[str, str]
    packed: PackedHeader | None

    @classmethod
    def read(cls, path: Path) -> CheckpointFile:
        """
        Read the header of a file, and no tensor.

        :raises CheckpointError: if the header is damaged, or of a packing that is not known.
        """
        metadata = read_metadata(path)
        if HEADER_KEY not in metadata:
            return cls(path, metadata, None)
        return cls(path, metadata, PackedHeader.from_json(metadata[HEADER_KEY], path))
