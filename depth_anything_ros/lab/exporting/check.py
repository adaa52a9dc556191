"""How far an exported network is from the same one in torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference import BACKENDS, FILE_READERS
from depth_anything_ros.inference.backends.base import NetworkOutput
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.inference.estimator_network import EstimatorNetwork
from depth_anything_ros.inference.file_network import FileNetwork
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.lab.exporting.formats import Numbers
from depth_anything_ros.lab.simulation.dataset import SimulatedDataset
from depth_anything_ros.models.checkpoint import Weights, build_estimator
from depth_anything_ros.models.contract_file import SUFFIXES
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.network_folder import NetworkFolder, contract_of
from depth_anything_ros.types import Float32Array, Precision, UInt8Array

LARGEST_ERRORS: Mapping[Numbers, float] = {Numbers.FP32: 1e-4, Numbers.FP16: 1e-2}
"""What an export may be off by, of the range of the output; one that is more is not kept."""
MOST_ROUNDINGS = 2.0
"""
What one with integers may be off by, of what rounding to integers itself makes of the output.

A library may round to the other side where sums differ in the last bits, and then is as far from
torch as two roundings that know nothing of each other.
"""

# A world of no training run, nor of calibration.
_WORLD = 2_000_000
_MOST_SKY_MOVED = 1e-3


@dataclass(frozen=True)
class Agreement:
    """
    Tell how far a library is from torch at one size of the input, (height, width).

    `error` is the largest difference of the output over its range, that of confidence included;
    `sky_moved` the share of pixels that are sky for one of the two only, left out of it. Of
    networks with integers `rounding` is how far these take the output of torch, 0 of others.
    """

    library: str
    size: tuple[int, int]
    error: float
    sky_moved: float
    rounding: float = 0.0

    def allowed(self, numbers: Numbers) -> float:
        """Return the largest error that an export with such numbers may have."""
        if numbers is Numbers.INT8:
            return MOST_ROUNDINGS * self.rounding
        return LARGEST_ERRORS[numbers]


def readers(suffix: str) -> list[str]:
    """
    Return the libraries here that read files of this suffix.

    :raises MissingDependencyError: if none is installed.
    """
    found: list[str] = []
    missing: MissingDependencyError | None = None
    for name, reader in FILE_READERS.items():
        if suffix not in reader.suffixes:
            continue
        try:
            BACKENDS[name].require('cpu', Precision.FP32)
            found.append(name)
        except MissingDependencyError as error:
            missing = error
    if missing is not None and not found:
        raise missing
    return found


def agreements(
    folder: Path, estimator: DepthEstimator, weights: Weights, sizes: list[tuple[int, int]]
) -> Iterator[Agreement]:
    """
    Yield how far each library is from torch at each size, on one image through the whole way.

    :param folder: with the exported network, as a user gives it.
    :param estimator: the network that was exported.
    :param weights: of it.
    :param sizes: (height, width) of the inputs it was exported for.
    :raises BackendError: if the folder does not run.
    """
    contract = contract_of(str(folder))
    networks = tuple(folder / name for name in contract.files if Path(name).suffix in SUFFIXES)
    opened = NetworkFolder(folder, contract, networks, '')
    libraries = {
        name: FileNetwork(opened, Selection(name, Precision.FP32, 'cpu'), 0, ExportCache(None))
        for name in readers(networks[0].suffix)
    }
    in_torch = _in_torch(estimator, weights)
    in_floats = _in_torch(build_estimator(weights.spec, weights.state, {}), weights)
    room = SimulatedDataset(_WORLD, 1, 192, 256)[0].rgb
    for size in sizes:
        # Twice as large, so that it is resized, to this size and no other.
        image: UInt8Array = np.asarray(cv2.resize(room, (2 * size[1], 2 * size[0])), np.uint8)
        side = max(size) if estimator.spec.longer_side else min(size)
        wanted = _output(Predictor(in_torch, side), image)
        rounding = 0.0
        if estimator.activation_ranges:
            exact = _output(Predictor(in_floats, side), image)
            rounding = relative_error(exact.values, wanted.values)
        for name, network in libraries.items():
            found = _output(Predictor(network, side), image)
            one = _agreement(name, size, found, wanted, estimator.spec.sky)
            yield replace(one, rounding=rounding)


def _in_torch(estimator: DepthEstimator, weights: Weights) -> EstimatorNetwork:
    selection = Selection('torch', Precision.FP32, 'cpu')
    source = LoadedNetwork(estimator, weights.key)
    return EstimatorNetwork(source, weights, selection, 0, ExportCache(None))


def _output(predictor: Predictor, image: UInt8Array) -> NetworkOutput:
    return predictor.infer_with_confidence(predictor.preprocess(image))


def _agreement(
    library: str, size: tuple[int, int], found: NetworkOutput, wanted: NetworkOutput, sky: bool
) -> Agreement:
    alike = np.ones(wanted.values.shape, bool)
    if sky:
        alike = (found.values > 0) == (wanted.values > 0)
    moved = 1.0 - float(alike.mean())
    if moved > _MOST_SKY_MOVED:
        raise BackendError(
            f'{library} finds sky where torch does not, or the other way, in {moved:.2%} of the '
            f'pixels; allowed: {_MOST_SKY_MOVED:.2%}'
        )
    error = relative_error(found.values[alike], wanted.values[alike])
    if (found.confidence is None) is not (wanted.confidence is None):
        raise BackendError(f'only one of {library} and torch tells how sure the network is')
    if found.confidence is not None and wanted.confidence is not None:
        error = max(error, relative_error(found.confidence, wanted.confidence))
    return Agreement(library, size, error, moved)


def relative_error(found: Float32Array, wanted: Float32Array) -> float:
    """Return the largest difference over the range, or over the magnitude of what is constant."""
    if found.shape != wanted.shape:
        raise BackendError(f'the export gives {found.shape} values, torch {wanted.shape}')
    difference = float(np.abs(found - wanted).max())
    if difference == 0.0:
        return 0.0
    return difference / (float(np.ptp(wanted)) or float(np.abs(wanted).max()) or 1.0)
