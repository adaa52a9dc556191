"""Published checkpoint files: of this package, of the Hugging Face cache, or from the hub."""

from __future__ import annotations

import re
from pathlib import Path

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models.spec import ModelSpec

_SHIPPED = Path(__file__).parent / 'weights'
_PROBE_TIMEOUT_S = 4.0
_SHA256 = re.compile('[0-9a-f]{64}')


def published_file(spec: ModelSpec) -> Path:
    """
    Return the local path of a model's published checkpoint, downloading it on first use.

    A file that ships with this package is at hand. Of the others, one in the cache is used
    without asking the hub. The hub is probed once before the download, as huggingface_hub
    repeats a failing download for tens of seconds.

    :raises CheckpointError: if it is not in the cache and the hub does not give it, or
        huggingface_hub is not installed, or the installation lost a file it should have.
    """
    if not spec.hub_repo:
        return _shipped_file(spec)
    try:
        from huggingface_hub import (
            get_hf_file_metadata,
            hf_hub_download,
            hf_hub_url,
            try_to_load_from_cache,
        )
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise CheckpointError(
            f"downloading the checkpoint of model '{spec.name}' needs huggingface_hub; install it "
            f'with `pip install huggingface_hub`, or give a local file with checkpoint:=FILE'
        ) from error
    # The bases are the errors of the HTTP client in use: requests', later httpx'.
    failures: tuple[type[BaseException], ...] = (OSError, *HfHubHTTPError.__bases__)
    cached = try_to_load_from_cache(spec.hub_repo, spec.weights_file)
    if isinstance(cached, str):
        return Path(cached)
    try:
        url = hf_hub_url(spec.hub_repo, spec.weights_file)
        get_hf_file_metadata(url, timeout=_PROBE_TIMEOUT_S)
        return Path(hf_hub_download(spec.hub_repo, spec.weights_file))
    except failures as error:
        raise CheckpointError(_not_available(spec, error)) from error


def expected_sha256(spec: ModelSpec, path: Path) -> str:
    """
    Return the SHA-256 a published file must have, or '' where it is not known.

    The cache names a large file by the SHA-256 that the hub states for it.
    """
    stored = path.resolve().name
    return spec.sha256 or (stored if _SHA256.fullmatch(stored) else '')


def _shipped_file(spec: ModelSpec) -> Path:
    path = _SHIPPED / spec.weights_file
    if not path.is_file():
        raise CheckpointError(
            f"the weights of model '{spec.name}' should be at '{path}', which is missing; "
            'install depth_anything_ros again'
        )
    return path


def _not_available(spec: ModelSpec, error: BaseException) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"the checkpoint of model '{spec.name}' is not in the cache ({HF_HUB_CACHE}) and could "
        f"not be downloaded: file '{spec.weights_file}' of https://huggingface.co/{spec.hub_repo} "
        f'({reason}). Give a local copy with checkpoint:=FILE, or connect to the network once'
    )
