"""A folder with a network and its contract, in the place of a checkpoint."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.home import expand_user
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.contract import Contract
from depth_anything_ros.models.contract_file import FILE, SUFFIXES, read_contract
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.spec import NetworkSpec

_LOG = logging.getLogger(__name__)


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
    return contract_of(checkpoint).spec if is_network_folder(checkpoint) else MODELS[model]


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
    # The weights of an .xml count as named, so that others never pass for the same network.
    weights = {str(Path(name).with_suffix('.bin')): None for name in contract.files
               if name.endswith('.xml')}  # fmt: skip
    digests = {}
    for name, wanted in {**weights, **contract.files}.items():
        digests[name] = file_sha256(folder / name)
        if wanted not in (None, digests[name]):
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
    networks = tuple(folder / name for name in contract.files if Path(name).suffix in SUFFIXES)
    return NetworkFolder(folder, contract, networks, _joined(digests))


def _joined(digests: dict[str, str]) -> str:
    """Return the one sha256, or that of all of them in the order of their names."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256(''.join(digests[name] for name in sorted(digests)).encode()).hexdigest()
