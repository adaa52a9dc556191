"""Published checkpoint files: of this package, of the Hugging Face cache, or from the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.spec import ModelSpec

HUB = 'hub:'
"""How the name of a model of transformers begins."""

_SHIPPED = Path(__file__).parent / 'weights'
_PROBE_TIMEOUT_S = 4.0
_SHA256 = re.compile('[0-9a-f]{64}')
# As validate_repo_id of huggingface_hub has it, and always with an owner.
_ID = re.compile(r'(?!.*(?:--|\.\.))(?!.*\.git$)\b[\w.-]+\b/\b[\w.-]{1,96}\b', re.ASCII)
_ENCODER_LICENCE = 'DINOv3 License'


@dataclass(frozen=True)
class HubFile:
    """
    Name a file of the Hugging Face hub and the licence of its weights.

    `revision` is the commit that is taken, `sha256` what the file must have; empty where they are
    not known, which takes the newest and checks nothing.
    """

    repo: str
    file: str
    licence: str
    revision: str = ''
    sha256: str = ''

    @property
    def page(self) -> str:
        """Return the address of the page where a gated repository is asked for."""
        return f'https://huggingface.co/{self.repo}'


def _dinov3(size: str, revision: str, sha256: str) -> HubFile:
    repo = f'facebook/dinov3-{size}16-pretrain-lvd1689m'
    return HubFile(repo, 'model.safetensors', _ENCODER_LICENCE, revision, sha256)


_ENCODERS = {
    'dinov3_vits': _dinov3(
        'vits',
        '114c1379950215c8b35dfcd4e90a5c251dde0d32',
        '4610ad75edef83e75afdebf162d148dc628045ea6cbb83d67d4708c709c4f91d',
    ),
    'dinov3_vitb': _dinov3(
        'vitb',
        '5931719e67bbdb9737e363e781fb0c67687896bc',
        '9a21ac3df0c63839d62612dda6f454d816c25611cc7a52966ed5a5a94921dc8b',
    ),
    'dinov3_vitl': _dinov3(
        'vitl',
        'ea8dc2863c51be0a264bab82070e3e8836b02d51',
        'dcb2e45127cccbf1601e5f42fef165eea275c8e5213197e8dcf3f48822718179',
    ),
}


def is_hub_id(name: str) -> bool:
    """Return whether a name can be the id OWNER/NAME of a repository of the hub."""
    return _ID.fullmatch(name) is not None


def published_file(spec: ModelSpec) -> Path:
    """
    Return the local path of a model's published checkpoint, downloading it on first use.

    :raises CheckpointError: if none is published, if it is not in the cache and the hub does
        not give it, or huggingface_hub is not installed, or the installation lost a file it
        should have.
    """
    if not spec.weights_file:
        raise CheckpointError(
            f"no trained weights of model '{spec.name}' are published. Give your own with "
            'checkpoint:=FILE, made by the program `train` with --encoder-weights hub'
            f'{_where_to_ask(spec)}; or take weights:=random, for timing only'
        )
    if not spec.hub_repo:
        return _shipped_file(spec)
    source = HubFile(spec.hub_repo, spec.weights_file, spec.licence, spec.revision, spec.sha256)
    return hub_file(source, f"the checkpoint of model '{spec.name}'", 'checkpoint:=FILE')


def encoder_file(spec: ModelSpec) -> HubFile | None:
    """Return where the encoder of a model is published by itself, None where it is not."""
    return _ENCODERS.get(f'{spec.encoder}_{spec.encoder_size}')


def hub_file(source: HubFile, what: str, option: str) -> Path:
    """
    Return the local path of a file of the hub, downloading it on first use.

    One in the cache is used without asking the hub: of the pinned commit, or of another one if
    the cache states the same sha256 for it. The hub is probed once before the download, as
    huggingface_hub repeats a failing download for tens of seconds.

    :param what: what is in the file, for messages.
    :param option: how a local file is given instead, for messages.
    :raises CheckpointError: if it is not in the cache and the hub does not give it, for lack of
        a network or of leave, or huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import (
            get_hf_file_metadata,
            hf_hub_download,
            hf_hub_url,
            try_to_load_from_cache,
        )
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
    except ImportError as error:
        raise CheckpointError(
            f'downloading {what} needs huggingface_hub; install it '
            f'with `pip install huggingface_hub`, or give a local file with {option}'
        ) from error
    # The bases are the errors of the HTTP client in use: requests', later httpx'.
    failures: tuple[type[BaseException], ...] = (OSError, *HfHubHTTPError.__bases__)
    pinned = source.revision or None
    for revision in (pinned, None):
        cached = try_to_load_from_cache(source.repo, source.file, revision=revision)
        if isinstance(cached, str) and (
            revision == pinned or Path(cached).resolve().name == source.sha256
        ):
            return Path(cached)
    try:
        url = hf_hub_url(source.repo, source.file, revision=pinned)
        get_hf_file_metadata(url, timeout=_PROBE_TIMEOUT_S)
        return Path(hf_hub_download(source.repo, source.file, revision=pinned))
    except GatedRepoError as error:
        raise CheckpointError(
            f'{what} is gated: log in at {source.page}, accept the {source.licence} there, and '
            'when access is granted run `hf auth login` here or set HF_TOKEN; or download '
            f"'{source.file}' from that page and give it with {option}"
        ) from error
    except failures as error:
        raise CheckpointError(_not_available(source, what, option, error)) from error


def checked_sha256(path: Path, wanted: str, name: str) -> str:
    """
    Return the SHA-256 of a published file.

    :param wanted: what it must be, '' where that is not known.
    :param name: of the file where it is published, for messages.
    :raises CheckpointError: if it is another one, or the file cannot be read.
    """
    sha256 = file_sha256(path)
    if wanted and sha256 != wanted:
        raise CheckpointError(
            f"'{path}' is damaged: its sha256 is {sha256}, that of the published '{name}' is "
            f'{wanted}; delete the file and start again'
        )
    return sha256


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


def _where_to_ask(spec: ModelSpec) -> str:
    encoder = encoder_file(spec)
    if encoder is None:
        return ''
    return f' (its encoder is gated: accept the {encoder.licence} at {encoder.page})'


def _not_available(source: HubFile, what: str, option: str, error: BaseException) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f'{what} is not in the cache ({HF_HUB_CACHE}) and could not be downloaded: file '
        f"'{source.file}' of {source.page} ({reason}). Give a local copy with {option}, or "
        'connect to the network once'
    )
