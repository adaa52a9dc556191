"""What is written of one picture or frame: depth as numbers, and as points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.point_cloud import build_point_cloud, ply_bytes
from depth_anything_ros.messages.depth import MM_PER_M, millimetres
from depth_anything_ros.result import DepthResult
from depth_anything_ros.types import Float32Array, MetricDepth, UInt8Array

PICTURE, FRAMES = '_depth.png', '_frames'
DEPTH_FILES = ('png', 'npy')
# Beyond what 16 bits of millimetres say.
MAX_PNG_M = 65_535 / MM_PER_M


@dataclass(frozen=True)
class Wanted:
    """
    What is written beside the coloured picture.

    `depth` are entries of DEPTH_FILES; `cloud` asks for points, without those that `edge_jump`
    finds to float at edges (see :func:`build_point_cloud`).
    """

    depth: Sequence[str] = ()
    cloud: bool = False
    edge_jump: float = 0.0

    @property
    def anything(self) -> bool:
        """Return whether there is something to write."""
        return bool(self.depth) or self.cloud

    def endings(self, metric: bool) -> list[str]:
        """
        Return the ends of the names of what is written for a network.

        :param metric: whether it gives metres; only then there are millimetres and points.
        """
        wanted = {
            '_depth_mm.png': metric and 'png' in self.depth,
            '_depth_m.npy': metric and 'npy' in self.depth,
            '_inverse_depth.npy': not metric and 'npy' in self.depth,
            '_cloud.ply': metric and self.cloud,
        }
        return [ending for ending, is_wanted in wanted.items() if is_wanted]


def result_files(stem: Path, result: DepthResult, wanted: Wanted) -> Iterator[tuple[Path, bytes]]:
    """
    Give the files that are wanted of one result, path and content, each made when it is asked for.

    :param stem: path of the files without what tells them apart.
    :raises CameraError: if points are wanted and the frame has no camera.
    """
    for ending in wanted.endings(result.metric is not None):
        yield with_ending(stem, ending), _MAKERS[ending](result, wanted)


def png_bytes(pixels: UInt8Array | NDArray[np.uint16]) -> bytes:
    """Return a PNG of pixels in OpenCV's order of colours."""
    return cv2.imencode('.png', pixels)[1].tobytes()


def with_ending(stem: Path, ending: str) -> Path:
    """Return the path of a result: dots in a name are no suffix."""
    return stem.with_name(f'{stem.name}{ending}')


def beyond_png(result: DepthResult) -> bool:
    """Return whether something is too far away for 16 bits of millimetres."""
    return result.metric is not None and bool(
        np.nanmax(result.metric.depth_m, initial=0.0) > MAX_PNG_M
    )


def _metric(result: DepthResult) -> MetricDepth:
    assert result.metric is not None  # only then these endings are asked for
    return result.metric


def _png(result: DepthResult, _: Wanted) -> bytes:
    return png_bytes(millimetres(_metric(result).depth_m))


def _metres(result: DepthResult, _: Wanted) -> bytes:
    return _npy(_metric(result).depth_m)


def _inverse(result: DepthResult, _: Wanted) -> bytes:
    assert result.relative is not None
    return _npy(result.relative.values)


def _npy(values: Float32Array) -> bytes:
    data = BytesIO()
    np.save(data, values)
    return data.getvalue()


def _cloud(result: DepthResult, wanted: Wanted) -> bytes:
    frame = result.frame
    return ply_bytes(
        build_point_cloud(_metric(result), frame.rgb, frame.camera, edge_jump=wanted.edge_jump)
    )


_MAKERS: dict[str, Callable[[DepthResult, Wanted], bytes]] = {
    '_depth_mm.png': _png,
    '_depth_m.npy': _metres,
    '_inverse_depth.npy': _inverse,
    '_cloud.ply': _cloud,
}
