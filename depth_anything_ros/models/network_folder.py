"""A folder with a network and its contract, in the place of a checkpoint."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import CheckpointError, UnknownNameError
from depth_anything_ros.home import expand_user
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.contract import Contract
from depth_anything_ros.models.contract_file import FILE, SUFFIXES, read_contract
from depth_anything_ros.models.hub import HUB
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.onnx_data import data_files
from depth_anything_ros.models.spec import NetworkSpec

_LOG = logging.getLogger(__name__)

_START_BYTES = 64


@dataclass(frozen=True)
class NetworkFolder:
    """
    A folder whose contract was read and whose files are there.

    `networks` are the files that hold the graph, `sha256` that of the file, or of all of them.
    """

    path: Path
    contract: Contract
    networks: tuple[Path, ...]
    sha256: str


def is_network_folder(checkpoint: str) -> bool:
    """Return whether a checkpoint given by the user is a folder, whatever is in it."""
    try:
        return checkpoint != '' and Path(checkpoint).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def asked_spec(model: str, checkpoint: str) -> NetworkSpec:
    """
    Return what a network reads and gives, as far as that is known before it is loaded.

    :param model: its row, which a folder does not need.
    :param checkpoint: as the user gave it; a file may have another output than the row.
    :raises UnknownNameError: if there is no such model.
    :raises CheckpointError: as :func:`contract_of`.
    """
    if is_network_folder(checkpoint):
        return contract_of(checkpoint).spec
    if model not in MODELS and Path(model).exists():
        raise UnknownNameError(
            f"unknown model '{model}': it is a file or a folder, which is given as checkpoint"
        )
    if model not in MODELS and model.lower().startswith(HUB):
        raise UnknownNameError(
            f"unknown model '{model}': one of transformers is named {HUB}ID, in small letters, "
            f'with its id on the Hugging Face hub, as {HUB}Intel/dpt-large, or its folder'
        )
    return MODELS[model]


def contract_of(checkpoint: str) -> Contract:
    """
    Return the contract of a folder given by the user, without reading its network.

    :raises CheckpointError: if it has none, or a file that it names is missing.
    """
    folder = expand_user(checkpoint)
    path = folder / FILE
    if not path.is_file():
        found = sorted(item.name for item in folder.iterdir() if item.suffix in SUFFIXES)
        if (folder / 'config.json').is_file():
            raise CheckpointError(
                f"folder '{folder}' has no {FILE}; a model of transformers is named by "
                f'model:=hub:{folder}'
            )
        raise CheckpointError(
            f"folder '{folder}' has no {FILE}, which says what its network reads and gives"
            + (f'; write one for {", ".join(found)}' if found else '; nor has it a network')
            + ' (see docs/your_network.md)'
        )
    contract = read_contract(path)
    for name in contract.files:
        if not (folder / name).is_file():
            raise CheckpointError(f"'{path}' names the file '{name}', which is not beside it")
        weights = (folder / name).with_suffix('.bin')
        if name.endswith('.xml') and not weights.is_file():
            raise CheckpointError(
                f"'{folder / name}' lacks its weights: no file '{weights.name}' is beside it"
            )
    return contract


def read_folder(checkpoint: str) -> NetworkFolder:
    """
    Return a folder given by the user, its files checked against their sha256.

    :raises CheckpointError: as :func:`contract_of`, or if a file is another than the contract
        names.
    """
    folder, contract = expand_user(checkpoint), contract_of(checkpoint)
    for name in contract.files:
        _check_start(folder / name)
    # Weights count as named, so that others never pass for the same network.
    files = {**dict.fromkeys(_weights(folder, contract)), **contract.files}
    digests = {}
    for name, wanted in files.items():
        digests[name] = file_sha256(folder / name)
        if wanted is not None and wanted.lower() != digests[name]:
            raise CheckpointError(
                f"'{folder / name}' has the sha256 {digests[name]}, {FILE} says {wanted}: it is "
                'damaged or another network'
            )
    non_commercial = '-NC-' in contract.licence
    _LOG.log(
        logging.WARNING if non_commercial else logging.INFO,
        '%s: %s, network of %s, licence of the weights: %s%s',
        contract.name, contract.spec.output, folder, contract.licence,
        ' (no commercial use)' if non_commercial else '',
    )  # fmt: skip
    _log_origin(contract)
    networks = tuple(folder / name for name in contract.files if Path(name).suffix in SUFFIXES)
    return NetworkFolder(folder, contract, networks, _joined(digests))


def _weights(folder: Path, contract: Contract) -> list[str]:
    """
    Return the files of weights that the networks of a folder read.

    :raises CheckpointError: if one lies elsewhere, or is not checked though others are.
    """
    found = []
    for name in contract.files:
        if name.endswith('.xml'):
            found.append(str(Path(name).with_suffix('.bin')))
        elif name.endswith('.onnx'):
            found += data_files(folder / name)
            _check_data(folder, name, found)
    unnamed = [name for name in found if name not in contract.files]
    if unnamed and any(contract.files.values()):
        raise CheckpointError(
            f"'{folder / FILE}' gives the sha256 of files, and does not name '{unnamed[0]}', from "
            "which the network takes weights; add it to key 'files'"
        )
    return found


def _check_data(folder: Path, network: str, names: Iterable[str]) -> None:
    for name in names:
        if Path(name).name != name:
            raise CheckpointError(
                f"'{folder / network}' takes weights from '{name}', which is not beside it; a "
                'network is read from its own folder only: save it anew with its weights there'
            )
        if not (folder / name).is_file():
            raise CheckpointError(
                f"'{folder / network}' lacks its weights: no file '{name}' is beside it"
            )


def _check_start(path: Path) -> None:
    """Check that a file is not what is often in the place of one that was downloaded."""
    with path.open('rb') as file:
        start = file.read(_START_BYTES)
    if not start:
        raise CheckpointError(f"'{path}' is empty; was it downloaded, or copied, to its end?")
    start = start.lstrip().lower()
    if start.startswith(b'version https://git-lfs'):
        raise CheckpointError(
            f"'{path}' is a pointer of Git LFS and not the file itself; `git lfs pull` fetches it"
        )
    if start.startswith((b'<!doctype html', b'<html')):
        raise CheckpointError(
            f"'{path}' is a web page and no network; download the file that the page is about"
        )


def _log_origin(contract: Contract) -> None:
    """Say what an exported network was made of."""
    made = contract.made_by
    if made is None:
        return
    _LOG.info(
        '%s: exported in %s from %s weights%s%s', made.model, made.precision, made.weights,
        f' (sha256 {made.sha256})' if made.sha256 else '',
        f', packed by {made.recipe}' if made.recipe else '',
    )  # fmt: skip
    if made.weights == 'random':
        _LOG.warning('%s was exported from random weights: its output means nothing', made.model)


def _joined(digests: dict[str, str]) -> str:
    """Return the one sha256, or that of all of them in the order of their names."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256(''.join(digests[name] for name in sorted(digests)).encode()).hexdigest()
