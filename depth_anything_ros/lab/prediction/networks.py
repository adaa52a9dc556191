"""The networks that predict, and where the metres of relative ones come from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.api import reference_depth
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, BackendError, ConfigError, DatasetError
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.datasets.files import read_npy, read_png_depth
from depth_anything_ros.lab.prediction.cameras import Lens
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.models.spec import require_relative
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale import AlignmentSource, ScaleConfig, create_tracker
from depth_anything_ros.scale.focal_length import scale_of_model
from depth_anything_ros.types import (
    Frame,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
    UInt8Array,
)

_FRAME_ID = 'camera_optical_frame'
_DEPTH_SUFFIXES = ('.png', '.npy')


@dataclass(frozen=True)
class MeasuredDepth:
    """Depth that was measured for pictures: one file, or a folder of files of their names."""

    path: Path
    steps_per_m: float

    def of(self, source: Source) -> AlignmentSource:
        """
        Return the scale that the depth of a picture gives.

        :raises DatasetError: if there is none for it, or it cannot be read.
        """
        path = self._file(source)
        is_png = path.suffix.lower() == '.png'
        return reference_depth(
            read_png_depth(path, self.steps_per_m) if is_png else read_npy(path)
        )

    def _file(self, source: Source) -> Path:
        if not self.path.is_dir():
            return self.path
        stems = (self.path / source.name, self.path / Path(source.place).stem)
        paths = [
            stem.with_name(stem.name + suffix) for stem in stems for suffix in _DEPTH_SUFFIXES
        ]
        for path in paths:
            if path.is_file():
                return path
        raise DatasetError(f"no depth was measured for '{source.place}': no file '{paths[0]}'")


@dataclass(frozen=True)
class Metres:
    """
    Where metres come from.

    `scale` is for relative networks, None for none; `measured` likewise, for pictures. `lens`
    knows the camera. `max_depth_m` is beyond what depth is unknown, None is what a metric network
    reaches, else what the depth node takes.
    """

    scale: AlignmentSource | None = None
    measured: MeasuredDepth | None = None
    lens: Lens | None = None
    max_depth_m: float | None = None

    @property
    def is_asked(self) -> bool:
        """Return whether relative networks shall give metres."""
        return self.scale is not None or self.measured is not None


class Network:
    """
    One network on its way to depth, and metres where they can be had.

    :param label: what tells it from the others, in names of files and captions.
    :param predictor: runs it.
    :param metres: where metres come from.
    """

    def __init__(self, label: str, predictor: Predictor, metres: Metres) -> None:
        self.label = label
        self.predictor = predictor
        self._metres = metres
        self._ahead: dict[int, tuple[UInt8Array, RelativeInverseDepth | MetricDepth]] = {}
        is_metric = predictor.output_kind is OutputKind.METRIC_DEPTH
        by_itself = scale_of_model(predictor)
        by_lens = by_itself is not None and metres.lens is not None
        self.gives_metres = is_metric or metres.is_asked or by_lens
        usual_m = predictor.spec.max_depth_m or DepthNodeConfig.max_depth_m
        self._pipeline = DepthPipeline(
            predictor,
            None if is_metric else by_itself if metres.scale is None else metres.scale,
            create_tracker(ScaleConfig()),
            metres.max_depth_m or usual_m,
        )

    @property
    def is_random(self) -> bool:
        """Return whether its weights, and so its depth, mean nothing."""
        return self.predictor.identity.weights == 'random'

    @property
    def described(self) -> str:
        """Return what runs, what its depth means and its licence, in one line."""
        one = self.predictor.identity
        runs = f'{one.backend} {one.precision} on {one.device}'
        licence = f', licence {one.licence}' if one.licence else ''
        return f'{self.label}: {one.name} ({one.weights}), {runs}; gives {one.output}{licence}'

    def begin(self, source: Source) -> None:
        """
        Forget the scale of what was before.

        :raises DatasetError: if no depth was measured for a picture that needs it.
        """
        self.forget()
        measured = self._metres.measured
        if measured is None or self.predictor.output_kind is OutputKind.METRIC_DEPTH:
            return
        if source.kind is not Kind.PICTURE:
            raise DatasetError(
                f"'{source.place}': measured depth gives the scale of pictures only"
            )
        self._pipeline.scale_source = measured.of(source)

    def forget(self) -> None:
        """Forget the scale of the frames before, as after a cut."""
        self._pipeline.tracker.reset()

    def estimate(self, rgb: UInt8Array, stamp_ns: int) -> DepthResult:
        """
        Return the depth of a frame, and metres where they can be had.

        :param rgb: uint8 (H, W, 3).
        :param stamp_ns: time since the first frame.
        :raises BackendError: if the network cannot run on it.
        :raises CameraError: if the lens takes no pictures of this size.
        """
        lens = self._metres.lens
        camera = lens.camera(*rgb.shape[:2]) if lens else None
        _, prediction = self._ahead.pop(id(rgb), (rgb, None))
        return self._pipeline.process(Frame(rgb, stamp_ns, _FRAME_ID, camera), prediction)

    def look_ahead(self, images: Sequence[UInt8Array]) -> None:
        """
        Run the network on images that :meth:`estimate` is to be asked for next, several at once.

        :param images: uint8 (H, W, 3) each. Where one of them cannot be predicted, none is here:
            each will tell for itself.
        """
        self._ahead.clear()
        try:
            inputs = [self.predictor.preprocess(rgb) for rgb in images]
            outputs = self.predictor.infer_batch(inputs)
        except BackendError:
            return
        for rgb, own, raw in zip(images, inputs, outputs, strict=True):
            # With the image, so that no other gets its identity meanwhile.
            self._ahead[id(rgb)] = rgb, self.predictor.postprocess(raw, own.source_size)


def require_metres(result: DepthResult) -> None:
    """
    Check that a result has the metres that were asked for.

    :raises AlignmentError: if not, with the reason.
    """
    if not result.has_metres:
        raise AlignmentError(f'no metres: {result.no_metric_reason}')


def check_wishes(networks: Sequence[Network], metres: Metres, wish: str) -> None:
    """
    Check that what is wanted can be had.

    :param wish: the option that needs metres of all networks, '' where none does.
    :raises ConfigError: if a network gives no metres, or none takes the scale that is given.
    """
    kinds = [network.predictor.output_kind for network in networks]
    if metres.is_asked and all(kind is OutputKind.METRIC_DEPTH for kind in kinds):
        require_relative(networks[0].predictor.spec, 'leave the scale out')
    without = [network for network in networks if not network.gives_metres]
    if wish and without:
        spec = without[0].predictor.spec
        camera = 'the camera (--camera or --fov), or ' if spec.metres_at_focal_px else ''
        raise ConfigError(
            f"{wish} needs metres, and model '{spec.name}' is relative: its depth has no unit. "
            f'Give {camera}a scale (--camera-height, --reference or --scale), take a model of '
            'metres (`depth_anything_ros info` lists them), or write the numbers as they are with '
            '--depth npy'
        )


def labels_of(names: Sequence[str]) -> list[str]:
    """
    Return short names of networks that differ, and fit into names of files.

    :param names: of models, or of files of checkpoints without their ending.
    """
    labels: list[str] = []
    for name in names:
        plain = label = re.sub(r'[^\w.-]+', '_', name)
        number = 2
        while label in labels:
            label, number = f'{plain}_{number}', number + 1
        labels.append(label)
    return labels
