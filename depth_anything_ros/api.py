"""
Depth from images in a few lines of Python, without ROS.

::

    import depth_anything_ros as dar

    model = dar.load('tiny')
    relative = model.predict('photo.jpg')
    metric = model.metric('photo.jpg', camera, dar.camera_height(0.149))

`import depth_anything_ros` alone loads none of this; the first name that is used does.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.completion import DEFAULT_REFUSAL
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import (
    AlignmentError,
    ConfigError,
    DepthAnythingError,
)
from depth_anything_ros.geometry.alignment import to_metric_depth
from depth_anything_ros.geometry.metric_depth import inverse_depth, limit_depth, no_depth_reason
from depth_anything_ros.geometry.plausibility import DepthUnit, unit_warning
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.messages.picture_file import read_picture
from depth_anything_ros.models.spec import require_relative
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.result import DepthOrigin, DepthResult, FusedDepth
from depth_anything_ros.scale import AlignmentSource, AlignmentTracker
from depth_anything_ros.scale.camera_height import CameraHeightConfig, CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.fixed import FixedScale
from depth_anything_ros.scale.focal_length import scale_of_model
from depth_anything_ros.types import (
    Camera,
    ConfidenceSource,
    DepthChoice,
    DepthReference,
    Frame,
    MetricDepth,
    ModelIdentity,
    RelativeInverseDepth,
    ScaleState,
    UInt8Array,
)
from depth_anything_ros.uncertainty import Uncertainty, find_table

__all__ = [
    'AlignmentError',
    'Camera',
    'DepthAnythingError',
    'DepthModel',
    'DepthOrigin',
    'FusedDepth',
    'camera_height',
    'colorize',
    'fixed_scale',
    'load',
    'reference_depth',
]

_LOGGER = logging.getLogger(__name__)

# A picture: uint8 (H, W, 3), red first, or the file that holds it.
Image = NDArray[Any] | str | os.PathLike[str]

# Single images have no time: the reference is always that of the image.
_STAMP_NS = 0


def load(
    model: str = 'tiny', *, checkpoint: str | os.PathLike[str] = '', **options: Any
) -> DepthModel:
    """
    Load a model, ready to predict.

    :param model: a name that `depth_anything_ros info` lists.
    :param checkpoint: a file of its weights, or the folder of a network of your own, which takes
        the place of the model.
    :param options: the others of :class:`depth_anything_ros.inference.options.NetworkOptions`:
        `weights`, `backend`, `precision`, `device`, `input_size`, `threads`, …
    :raises UnknownNameError: if there is no such model, backend or precision.
    :raises ConfigError: if an option is of another type, or has a value that the model cannot
        take.
    :raises CheckpointError: if the weights cannot be had or belong to another model.
    :raises MissingDependencyError: if the library of the backend asked for is not installed.
    :raises BackendError: if backend, precision and device cannot go together here.
    :raises TypeError: if there is no option of that name.
    """
    asked = NetworkOptions(model, os.fspath(checkpoint), **options)
    asked.check_types()
    return DepthModel(create_predictor(asked))


class DepthModel:
    """
    Estimate depth from single images; made by :func:`load`.

    The network is built at the first image of each size, which takes seconds; later images of
    that size are quick.

    :param predictor: the network with its pre- and post-processing.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @property
    def identity(self) -> ModelIdentity:
        """Return which weights run, in which library and precision, under which licence."""
        return self.predictor.identity

    def predict(
        self, image: Image, confidence: str | None = None
    ) -> RelativeInverseDepth | MetricDepth:
        """
        Return what the network says of an image, at the image's own size.

        :param image: uint8 (H, W, 3), red first, or a JPEG, PNG, WebP or BMP file.
        :param confidence: `model` tells how sure the model says it is, `flip` how well its depth
            agrees with that of the mirrored image.
        :return: of a relative model inverse depth without unit, `values` float32 (H, W), larger
            is nearer; of a metric one `depth_m`, float32 (H, W) in metres. `confidence`, of the
            same shape in 0..1, where it is asked for and something tells it.
        :raises ConfigError: if there is no confidence of that name.
        :raises BackendError: if the array is no such image, or the network cannot run on it.
        :raises MessageError: if the file is damaged, or larger than the package decodes.
        :raises OSError: if the file cannot be read.
        """
        if confidence is None:
            return self.predictor.predict(_pixels(image))
        known = [source.value for source in ConfidenceSource]
        if confidence not in known:
            raise ConfigError(f"unknown confidence '{confidence}'; known: {', '.join(known)}")
        source = ConfidenceSource(confidence)
        return self.predictor.predict_with_confidence(_pixels(image), source)

    def metric(
        self,
        image: Image,
        camera: Camera | None = None,
        scale: AlignmentSource | None = None,
        *,
        max_depth_m: float = DepthNodeConfig.max_depth_m,
        sigma: bool = False,
    ) -> MetricDepth:
        """
        Return the depth of an image in metres.

        A relative model needs a scale: :func:`camera_height`, :func:`reference_depth`,
        :func:`fixed_scale`, or any other source of the package. A metric model needs none, and one
        of metres by the focal length the camera alone.

        :param image: as in :meth:`predict`.
        :param camera: the camera that took it; :func:`camera_height` and the focal length need it.
        :param scale: where the metres come from.
        :param max_depth_m: depth beyond this is unknown.
        :param sigma: tell how far off it may be, too, by the table of errors beside the weights;
            where there is none a generic one does, and the log warns of it once.
        :return: `depth_m` float32 (H, W), metres along the optical axis, NaN where unknown;
            `sigma_m` its standard deviation, of the same shape and unit, where asked for.
        :raises AlignmentError: if the model is relative and no scale is given, or the image
            gives no trustworthy scale; the message says why.
        :raises ConfigError: if the model is metric and a scale is given, or `max_depth_m` is
            not above 0.
        :raises CheckpointError: if the table of errors is of other weights.
        :raises BackendError: as in :meth:`predict`; likewise MessageError and OSError.
        """
        if not max_depth_m > 0:
            raise ConfigError(f'max_depth_m {max_depth_m} is out of range; allowed: above 0')
        if scale is not None:
            require_relative(self.predictor.spec, 'leave the scale out')
        rgb = _pixels(image)
        result = self._in_metres(Frame(rgb, _STAMP_NS, '', camera), scale, max_depth_m)
        assert result.metric is not None, 'what gives no metres has raised'
        if not sigma:
            return result.metric
        sigma_m = self._uncertainty.sigma(result, DepthChoice.NETWORK)
        return replace(result.metric, sigma_m=sigma_m)

    def _in_metres(
        self, frame: Frame, scale: AlignmentSource | None, max_depth_m: float
    ) -> DepthResult:
        prediction = self.predict(frame.rgb)
        if isinstance(prediction, MetricDepth):
            known = limit_depth(prediction, max_depth_m)
            if reason := no_depth_reason(known, max_depth_m, prediction):
                _LOGGER.warning('%s', reason)
            return DepthResult(frame, None, None, known)
        if scale is None:
            scale = scale_of_model(self.predictor)
        if scale is None:
            raise AlignmentError(
                f"model '{self.identity.name}' is relative and needs a scale to give metres: "
                'camera_height, reference_depth or fixed_scale'
            )
        alignment = scale.align(prediction, _STAMP_NS, frame.camera)
        metric = to_metric_depth(prediction, alignment, max_depth_m)
        if reason := no_depth_reason(metric, max_depth_m):
            _LOGGER.warning('%s', reason)
        return DepthResult(frame, prediction, alignment, metric, scale_state=ScaleState.FITTED)

    def complete(
        self,
        image: Image,
        measured_m: NDArray[Any],
        *,
        max_depth_m: float = DepthNodeConfig.max_depth_m,
        refusal: float = DEFAULT_REFUSAL,
        sigma: bool = False,
    ) -> FusedDepth:
        """
        Return the depth that a sensor measured with its holes filled.

        :param image: as in :meth:`predict`.
        :param measured_m: as in :func:`reference_depth`.
        :param max_depth_m: filled depth from here on is unknown.
        :param refusal: a measured pixel that its neighbours contradict is refused where the model
            is off it by more than this share of depth; 0 refuses none.
        :param sigma: as in :meth:`metric`.
        :return: `depth_m` float32 (H, W) in metres, NaN where unknown, measured pixels to the bit;
            `origin` says where each comes from, `refused` how many were not believed, and
            `sigma_m` its standard deviation, where asked for.
        :raises AlignmentError: if the measured depth gives no scale, or does not fit the image.
        :raises ConfigError: if `max_depth_m` is not above 0.
        :raises CheckpointError: as in :meth:`metric`.
        :raises BackendError: as in :meth:`predict`; likewise MessageError and OSError.
        """
        if not max_depth_m > 0:
            raise ConfigError(f'max_depth_m {max_depth_m} is out of range; allowed: above 0')
        pipeline = DepthPipeline(
            self.predictor,
            reference_depth(measured_m),
            AlignmentTracker(0.0, 0.0),
            max_depth_m,
            refusal=refusal,
        )
        rgb = _pixels(image)
        result = pipeline.process(Frame(rgb, _STAMP_NS, ''), self.predict(rgb), fuse=True)
        if result.fused is None or result.metric is None:
            raise AlignmentError(result.no_metric_reason or result.no_fused_reason)
        if not sigma:
            return result.fused
        sigma_m = self._uncertainty.sigma(result, DepthChoice.FUSED)
        return replace(result.fused, sigma_m=sigma_m)

    @cached_property
    def _uncertainty(self) -> Uncertainty:
        network = self.predictor
        found = Uncertainty(
            find_table(network.identity, network.output_kind, network.weights_path)
        )
        if found.doubt:
            _LOGGER.warning('%s', found.doubt)
        return found


def fixed_scale(scale: float, shift: float = 0.0) -> AlignmentSource:
    """
    Return a scale that is known: 1 / depth_m = scale · relative + shift.

    Of a model of affine depth it is depth_m = scale / relative + shift.

    :param scale: in 1/m per unit of the network's output, of affine depth in m; above 0.
    :param shift: in 1/m, of affine depth in m.
    :raises AlignmentError: if a number is not finite or the scale not positive.
    """
    return FixedScale(scale, shift)


def camera_height(
    height_m: float, pitch_deg: float = 0.0, roll_deg: float = 0.0
) -> AlignmentSource:
    """
    Return a scale that is found from level ground in the image; it needs a calibrated camera.

    :param height_m: of the lens above the ground.
    :param pitch_deg: how far the camera looks down. From 0.115 m, one degree moves what is 2 m
        away to 1.5 or 2.9 m.
    :param roll_deg: how far the camera leans to the right.
    :raises ConfigError: if a number is out of the range that the depth node allows.
    """
    given = {
        'camera_height_m': height_m,
        'camera_pitch_deg': pitch_deg,
        'camera_roll_deg': roll_deg,
    }
    return CameraHeightScale.from_config(from_mapping(CameraHeightConfig, given))


def reference_depth(depth_m: NDArray[Any]) -> AlignmentSource:
    """
    Return a scale that is fitted to measured depth of the same view, dense or sparse.

    :param depth_m: (H, W) in metres along the optical axis, registered to the image, at its size
        or the same shape scaled; NaN, infinity and 0 are unknown.
    :raises AlignmentError: if it is not two-dimensional, or cannot be in metres.
    """
    given = np.asarray(depth_m)
    if given.ndim != 2:
        raise AlignmentError(f'reference depth has shape {given.shape}; (H, W) is needed')
    measured = np.ascontiguousarray(given, np.float32)
    known = np.where(np.isfinite(measured) & (measured > 0), measured, np.float32(np.nan))
    told = DepthUnit(steps_per_m=None, told=True)
    if doubt := unit_warning('reference depth', [known], told, option=''):
        raise AlignmentError(f'{doubt}; give it in metres')
    source = DepthImageScale(0.0, float(np.finfo(np.float32).max), 0.0)
    source.add_reference(DepthReference(measured, _STAMP_NS))
    return source


def colorize(
    prediction: RelativeInverseDepth | MetricDepth,
    colormap: str = DepthNodeConfig.preview_colormap,
) -> UInt8Array:
    """
    Return a prediction as people look at it.

    :param colormap: Spectral_r, viridis, plasma, magma, inferno or turbo.
    :return: uint8 (H, W, 3), red first; near and far span the colours, unknown is black.
    :raises UnknownNameError: if there is no such colormap.
    """
    return apply_colormap(inverse_depth(prediction), colormap)


def _pixels(image: Image) -> UInt8Array:
    """Return the pixels of an image or of a file, the right way up; the network checks them."""
    if not isinstance(image, (str, os.PathLike)):
        return np.ascontiguousarray(image)
    return read_picture(Path(image))
