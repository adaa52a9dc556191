"""One network from image to depth: pre-processing, a backend, post-processing."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from depth_anything_ros.errors import BackendError, ConfigError
from depth_anything_ros.inference.backends.base import (
    BatchBackend,
    ConfidentBackend,
    NetworkOutput,
    Runner,
)
from depth_anything_ros.inference.clock import NETWORKS
from depth_anything_ros.inference.flip import agreement, mirrored
from depth_anything_ros.inference.network import FindsLens, Network
from depth_anything_ros.inference.preprocess import (
    Preprocessor,
    check_multiple,
    network_size,
    resize_align_corners,
    resize_half_pixel,
)
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.models.spec import NetworkSpec
from depth_anything_ros.types import (
    ConfidenceSource,
    Float32Array,
    MetricDepth,
    ModelIdentity,
    ModelInput,
    OutputKind,
    Precision,
    RelativeInverseDepth,
    UInt8Array,
)

logger = logging.getLogger(__name__)

T = TypeVar('T')

# Two, so that images that alternate between landscape and portrait do not rebuild each time.
KEPT_BACKENDS = 2


class Predictor:
    """
    Estimate depth from images with one network; made by `opening.create_predictor`.

    The backend is built when the first image of a network size comes (or by `warm_up`) and
    kept; the `kept_sizes` used last stay built. One thread may `warm_up` a new size while another
    predicts. Several may predict: the network of a size runs for one of them at a time, while the
    others prepare its input or look at its output.

    :param network: the network with its weights, and what runs it.
    :param input_size: shorter side in pixels (longer for models that go by it), or a fixed
        (height, width); 0 takes the model's.
    :raises ConfigError: if `input_size` is not a multiple of the patch.
    """

    def __init__(self, network: Network, input_size: int | tuple[int, int] = 0) -> None:
        self.network = network
        self.spec = network.spec
        self._input_size = check_input_size('input size', input_size, self.spec)
        self._lock = threading.Lock()
        # Held while a backend is built, since all are built from the one network.
        self._making = threading.Lock()
        # Held while the network of a size runs: it takes the whole machine, and no second caller.
        self._turns: defaultdict[tuple[int, ...], threading.Lock] = defaultdict(threading.Lock)
        self._preprocessors: OrderedDict[tuple[int, int], Preprocessor] = OrderedDict()
        self._backends: OrderedDict[tuple[int, int], Runner] = OrderedDict()
        self._current_size = (0, 0)
        self.kept_sizes = KEPT_BACKENDS

    @property
    def identity(self) -> ModelIdentity:
        """Return what makes the predictions; `input_size` is (0, 0) before the first image."""
        return replace(self.network.identity, input_size=self._current_size)

    def identity_at(self, height: int, width: int) -> ModelIdentity:
        """
        Return what makes the predictions of images of this size.

        :raises BackendError: if the image is empty, or too long and narrow.
        """
        return replace(self.network.identity, input_size=self.network_size(height, width))

    @property
    def selection(self) -> Selection:
        """Return what runs the network."""
        return self.network.selection

    @property
    def weights_path(self) -> Path | None:
        """Return the file of the weights, None of random ones."""
        return self.network.weights_path

    @property
    def cache_problem(self) -> str:
        """Return why the export of the network is not kept, empty if it is or there is none."""
        return self.network.cache_problem

    @property
    def recipe(self) -> str:
        """Return the recipe that packed the weights, empty if none did."""
        return self.network.recipe

    @property
    def output_kind(self) -> OutputKind:
        """Return what predictions are: inverse depth without unit, or metres."""
        return self.spec.output_kind

    @property
    def metres_at_focal_px(self) -> float | None:
        """Return the focal length for which depth is in metres, see `ModelSpec`, or None."""
        return self.spec.metres_at_focal_px

    def preprocess(self, rgb: UInt8Array) -> ModelInput:
        """
        Return the network input for an image, uint8 (H, W, 3), red first.

        :raises BackendError: if the array is not such an image, or is too long and narrow.
        """
        if rgb.ndim != 3:
            raise BackendError(f'image has shape {rgb.shape}; (height, width, 3) is needed')
        size = self.network_size(rgb.shape[0], rgb.shape[1])
        with self._lock:
            preprocessor = self._preprocessors.setdefault(size, Preprocessor(self.spec, size))
            _use(self._preprocessors, size, self.kept_sizes)
        return preprocessor(rgb)

    def infer(self, model_input: ModelInput) -> Float32Array:
        """
        Return the network's output, float32 (h, w), finite.

        :raises BackendError: if the backend cannot be built or fails, or its output holds NaN
            or infinity.
        """
        return self._infer(model_input, _plain).values

    def infer_with_confidence(self, model_input: ModelInput) -> NetworkOutput:
        """
        Return the network's output, with its confidence where network and backend tell one.

        :raises BackendError: as :meth:`infer`.
        """
        return self._infer(model_input, _with_confidence)

    def _infer(
        self, model_input: ModelInput, run: Callable[[Runner, Float32Array], NetworkOutput]
    ) -> NetworkOutput:
        size = height, width = model_input.pixels.shape[2:]
        backend = self.build((height, width))
        with self._turns[size], NETWORKS.running():
            output = run(backend, model_input.pixels)
        check_finite(output.values, self.selection)
        return output

    def infer_batch(self, model_inputs: Sequence[ModelInput]) -> list[Float32Array]:
        """
        Return the network's outputs of several images, as :meth:`infer` does of each.

        Those of one size run at once where the backend can.

        :raises BackendError: as :meth:`infer` does, for any of them.
        """
        outputs: dict[int, Float32Array] = {}
        sizes = [item.pixels.shape[2:] for item in model_inputs]
        for size in dict.fromkeys(sizes):
            places = [place for place, own in enumerate(sizes) if own == size]
            backend = self.build((size[0], size[1]))
            if not isinstance(backend, BatchBackend):
                outputs.update({place: self.infer(model_inputs[place]) for place in places})
                continue
            pixels = np.concatenate([model_inputs[place].pixels for place in places])
            with self._turns[size], NETWORKS.running():
                raw = backend.infer_batch(pixels)
            check_finite(raw, self.selection)
            outputs.update(zip(places, raw, strict=True))
        return [outputs[place] for place in range(len(sizes))]

    def postprocess(
        self, raw: Float32Array, source_size: tuple[int, int]
    ) -> RelativeInverseDepth | MetricDepth:
        """
        Return the output at the image's (height, width), as what the model predicts.

        Metres that are not above 0 are none, and become NaN.
        """
        if self.output_kind is OutputKind.METRIC_DEPTH:
            # Before the resize, so that no metres are made halfway to what are none.
            known = np.where(raw > 0, raw, np.float32(np.nan))
            return MetricDepth(self.enlarge(known, source_size))
        return RelativeInverseDepth(self.enlarge(raw, source_size), kind=self.output_kind)

    def enlarge(self, values: Float32Array, source_size: tuple[int, int]) -> Float32Array:
        """Return what the network gives of each pixel at the image's (height, width)."""
        resize = resize_align_corners if self.spec.align_corners else resize_half_pixel
        return resize(values, source_size)

    def predict(self, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
        """
        Return the depth of an image, uint8 (H, W, 3), at its own size.

        :raises BackendError: if the network cannot run on this image.
        """
        model_input = self.preprocess(rgb)
        return self.postprocess(self.infer(model_input), model_input.source_size)

    def predict_with_confidence(
        self, rgb: UInt8Array, source: ConfidenceSource = ConfidenceSource.MODEL
    ) -> RelativeInverseDepth | MetricDepth:
        """
        Return the depth of an image as :meth:`predict`, with confidence where something tells it.

        :param source: what tells it: the model itself, or the mirrored image, for twice the work.
        :raises BackendError: if the network cannot run on this image.
        """
        model_input = self.preprocess(rgb)
        if source is ConfidenceSource.MODEL:
            output = self.infer_with_confidence(model_input)
            raw, sure = output.values, output.confidence
        else:
            raw = self.infer(model_input)
            sure = agreement(raw, self.infer(mirrored(model_input)))
        prediction = self.postprocess(raw, model_input.source_size)
        if sure is None:
            return prediction
        sure = self.enlarge(sure, model_input.source_size)
        return replace(prediction, confidence=sure)

    def field_of_view(self, rgb: UInt8Array) -> tuple[float, float]:
        """
        Return the field of view down and across an image, uint8 (H, W, 3), in radians.

        :raises BackendError: if the network does not find it, or cannot run on this image.
        """
        if not isinstance(self.network, FindsLens):
            raise BackendError(f"model '{self.spec.name}' does not find the field of view")
        # No other thread may make a backend of the same network meanwhile.
        with self._making:
            return self.network.field_of_view(self.preprocess(rgb).pixels)

    def warm_up(self, height: int, width: int) -> None:
        """
        Build the network for images of this size and run it, so that no frame waits for it.

        :raises BackendError: if the network cannot be built or run.
        """
        # A ramp, not black: some networks give a constant for a constant image.
        ramp = np.linspace(0, 255, height * width * 3).astype(np.uint8)
        self.predict(ramp.reshape(height, width, 3))

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """
        Return the network's (height, width) for an image.

        :raises BackendError: if the image is empty, or too long and narrow.
        """
        if isinstance(self._input_size, tuple):
            return self._input_size
        return network_size(
            height, width, self._input_size, self.spec.patch, self.spec.longer_side
        )

    def is_built(self, height: int, width: int) -> bool:
        """
        Return whether an image of this size finds its network built.

        :raises BackendError: if the image is empty, or too long and narrow.
        """
        size = self.network_size(height, width)
        with self._lock:
            return size in self._backends

    def build(self, size: tuple[int, int]) -> Runner:
        """
        Return the backend for the network's (height, width), building it if there is none yet.

        :raises BackendError: if it cannot be built.
        """
        backend = self._built(size)
        if backend is not None:
            return self._keep(size, backend)
        # Without _lock: it takes long, and meanwhile another thread predicts at other sizes.
        with self._making:
            return self._keep(size, self._built(size) or self._make(size))

    def _built(self, size: tuple[int, int]) -> Runner | None:
        with self._lock:
            return self._backends.get(size)

    def _keep(self, size: tuple[int, int], backend: Runner) -> Runner:
        with self._lock:
            backend = self._backends.setdefault(size, backend)
            _use(self._backends, size, self.kept_sizes)
            self._current_size = size
        return backend

    def _make(self, size: tuple[int, int]) -> Runner:
        logger.info(
            'building %s for %s at %dx%d (height x width)',
            self.selection.backend, self.spec.name, *size,
        )  # fmt: skip
        return self.network.backend(size)


def _plain(backend: Runner, pixels: Float32Array) -> NetworkOutput:
    return NetworkOutput(backend.infer(pixels))


def _with_confidence(backend: Runner, pixels: Float32Array) -> NetworkOutput:
    if isinstance(backend, ConfidentBackend):
        return backend.infer_with_confidence(pixels)
    return _plain(backend, pixels)


def check_finite(raw: Float32Array, selection: Selection) -> None:
    """
    Check that the output of a network has neither NaN nor infinity.

    :param selection: what ran it, for the message.
    :raises BackendError: if it has.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        # One pass instead of two: NaN and infinity survive in a sum.
        if math.isfinite(float(raw.sum())):
            return
    # Huge values may overflow the sum alone.
    bad = int(raw.size - np.count_nonzero(np.isfinite(raw)))
    if bad:
        cure = (
            'the network itself gives them of this image: are its weights sound, and do its mean '
            'and std fit it?'
            if selection.precision is Precision.FP32
            else 'try precision fp32'
        )
        raise BackendError(
            f'{selection.backend} gave {bad} of {raw.size} values that are not finite, '
            f'in {selection.precision.value}; {cure}'
        )


def check_input_size(
    name: str, input_size: int | tuple[int, int], spec: NetworkSpec
) -> int | tuple[int, int]:
    """
    Return the side or the (height, width) of the network's input, that of the model for 0.

    :param name: what the value is, for the message.
    :raises ConfigError: if the model cannot take it.
    """
    if isinstance(input_size, tuple):
        height, width = input_size
        check_multiple('input height', height, spec.patch)
        check_multiple('input width', width, spec.patch)
        return height, width
    if spec.stretch is not None:
        if input_size:
            rows, columns = spec.stretch
            raise ConfigError(
                f"{name} {input_size}: network '{spec.name}' stretches every image to "
                f'{rows}×{columns} (height×width); allowed: 0'
            )
        return spec.stretch
    side = input_size or spec.input_size
    check_multiple(name, side, spec.patch)
    return side


def _use(kept: OrderedDict[tuple[int, int], T], size: tuple[int, int], most: int) -> None:
    """Note that a size was used, and forget those used longest ago."""
    kept.move_to_end(size)
    while len(kept) > most:
        kept.popitem(last=False)
