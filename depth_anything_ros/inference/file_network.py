"""A network of somebody else: files in a folder, run as they are."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from depth_anything_ros.errors import (
    BackendError,
    MissingDependencyError,
)
from depth_anything_ros.inference import FILE_READERS
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.network_file import (
    FileBackend,
    FileOptions,
    ImageNetwork,
)
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection, choices
from depth_anything_ros.models.contract import Contract
from depth_anything_ros.models.local_file import check_origin
from depth_anything_ros.models.network_folder import NetworkFolder, read_folder
from depth_anything_ros.models.spec import NetworkSpec
from depth_anything_ros.types import ModelIdentity

logger = logging.getLogger(__name__)


class FileNetwork:
    """
    Run the network in a folder.

    :param folder: with its contract.
    :param selection: library, precision and device, known to run here.
    :param threads: CPU threads; 0 leaves it to the library.
    :param cache: keeps what a library makes of the files for a GPU.
    :raises BackendError: if the library cannot read its files, or they are others than the
        contract says.
    """

    def __init__(
        self, folder: NetworkFolder, selection: Selection, threads: int, cache: ExportCache
    ) -> None:
        self.folder = folder
        self.spec: NetworkSpec = folder.contract.spec
        self.selection = selection
        self._threads = threads
        self._cache = cache
        made_by = folder.contract.made_by
        self.recipe = made_by.recipe if made_by else ''
        options = FileOptions(selection.precision, selection.device, threads, cache, folder.sha256)
        reader = FILE_READERS[selection.backend]
        # By the one size that each reads; None is any.
        self._networks: dict[tuple[int, int] | None, ImageNetwork] = {}
        for path in folder.networks:
            if path.suffix not in reader.suffixes:
                raise BackendError(
                    f"{selection.backend} cannot read '{path}'; it reads: "
                    f'{", ".join(reader.suffixes)}'
                )
            network = ImageNetwork(reader(path, options), path, folder.contract)
            size = network.size
            if size in self._networks or (None in self._networks and size is not None):
                raise BackendError(
                    f"folder '{folder.path}' has several networks of one size: '{path}' and "
                    "another; key 'files' must name one of each size"
                )
            self._networks[size] = network
        self._check_rule()

    @property
    def identity(self) -> ModelIdentity:
        """
        Return what makes its output; the input size is (0, 0).

        One that was exported is that of the weights it was made of: what is known of them, and
        runs with them, hold for it.
        """
        made_by = self.folder.contract.made_by
        return ModelIdentity(
            name=self.spec.name,
            weights=made_by.weights if made_by else 'checkpoint',
            sha256=made_by.sha256 if made_by else self.folder.sha256,
            backend=self.selection.backend,
            precision=self.selection.precision.value,
            device=self.selection.device,
            input_size=(0, 0),
            licence=self.spec.licence,
            integers=made_by.integers if made_by else '',
            output=self.spec.output,
        )

    @property
    def weights_path(self) -> Path:
        """Return the file of the network."""
        return self.folder.networks[0]

    @property
    def cache_problem(self) -> str:
        """Return why what a library made of the files is not kept, '' if it is or nothing is."""
        return self._cache.problem

    def under(self, contract: Contract) -> FileNetwork:
        """
        Return the same network, opened again under another contract.

        :raises BackendError: if it is other than that says.
        """
        folder = replace(self.folder, contract=contract)
        return FileNetwork(folder, self.selection, self._threads, self._cache)

    def backend(self, size: tuple[int, int]) -> FileBackend:
        """
        Return what runs it at the network's (height, width).

        :raises BackendError: if it does not read that size.
        """
        return self.image_network(size).backend(size)

    def image_network(self, size: tuple[int, int]) -> ImageNetwork:
        """
        Return the file that reads (height, width).

        :raises BackendError: if there is none.
        """
        network = self._networks.get(size) or self._networks.get(None)
        if network is None:
            raise BackendError(
                f"network '{self.spec.name}' reads {self._sizes_text()} (height×width) only, and "
                f'this image makes {_text(size)} by its resize rule'
            )
        return network

    def _check_rule(self) -> None:
        """Check that the resize rule can give a size that the network reads."""
        fixed = [size for size in self._networks if size is not None]
        rule, spec = self.folder.contract.input, self.spec
        if spec.stretch is not None:
            fits = not fixed or spec.stretch in fixed
        else:
            side = max if spec.longer_side else min
            fits = not fixed or any(side(size) == spec.input_size for size in fixed)
        multiple = all(side % spec.patch == 0 for size in fixed for side in size)
        if not (fits and multiple):
            raise BackendError(
                f"network '{self.spec.name}' reads {self._sizes_text()} (height×width) only; its "
                f'contract says resize {rule.resize.value} to {rule.size}, multiples of '
                f'{rule.multiple}'
            )

    def _sizes_text(self) -> str:
        return ', '.join(_text(size) for size in self._networks if size is not None)


def load_folder(options: NetworkOptions) -> FileNetwork:
    """
    Open the network in the folder that is given as checkpoint, in the library that fits.

    :raises ConfigError: if random weights are asked for.
    :raises CheckpointError: if the folder cannot be read as its contract says.
    :raises MissingDependencyError: if the library asked for is not installed.
    :raises BackendError: if no library that is asked for can run it here.
    """
    check_origin(options.weights, options.checkpoint)
    folder = read_folder(options.checkpoint)
    cache = ExportCache(options.cache_folder, options.cache_limit_gb)
    reasons = []
    for selection in choices(options.backend, options.precision, options.device, FILE_READERS):
        try:
            return FileNetwork(folder, selection, options.threads, cache)
        except (BackendError, MissingDependencyError) as error:
            logger.info('%s left out: %s', selection.backend, error)
            reasons.append(str(error))
    raise BackendError('; '.join(dict.fromkeys(reasons)))


def _text(size: tuple[int, int]) -> str:
    return f'{size[0]}×{size[1]}'
