"""The scale of models whose depth is in metres for one focal length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.types import Alignment, Camera, RelativeInverseDepth


class FocalLengthScale:
    """
    Give the scale of a model that sees all images as if taken with one focal length.

    Its depth is in metres for that one; for another it is as many times larger as the focal
    length of the image is, at the size that the network reads.
    Source: `apply_metric_scaling` in github.com/ByteDance-Seed/Depth-Anything-3.

    :param metres_at_px: focal length of the network input for which depth is in metres.
    :param network_size: returns the (height, width) of the network input for those of an image.
    """

    name = 'focal_length'

    def __init__(
        self, metres_at_px: float, network_size: Callable[[int, int], tuple[int, int]]
    ) -> None:
        self._metres_at_px = metres_at_px
        self._network_size = network_size

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Return the scale by the mean of both focal lengths of the camera.

        :raises AlignmentError: if there is no calibrated camera of the image's size.
        """
        height, width = relative.values.shape
        try:
            known = require_calibrated(camera, height, width)
        except CameraError as error:
            raise AlignmentError(
                f'the metres of this model follow from the focal length: {error}'
            ) from error
        rows, columns = self._network_size(height, width)
        focal_px = (known.fx_px * columns / width + known.fy_px * rows / height) / 2.0
        return Alignment(
            scale=self._metres_at_px / focal_px,
            shift=0.0,
            source=self.name,
            points=0,
            inlier_ratio=1.0,
            residual=0.0,
            stamp_ns=stamp_ns,
            kind=relative.kind,
        )


class SizedModel(Protocol):
    """A predictor, as far as the scale of its model goes."""

    @property
    def metres_at_focal_px(self) -> float | None:
        """Return the focal length of the network input for which depth is in metres, or None."""

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the network input for those of an image."""


def scale_of_model(predictor: SizedModel) -> FocalLengthScale | None:
    """Return the scale that a model has by itself, None where it has none."""
    metres_at_px = predictor.metres_at_focal_px
    return FocalLengthScale(metres_at_px, predictor.network_size) if metres_at_px else None
