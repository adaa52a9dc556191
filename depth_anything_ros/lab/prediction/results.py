"""What is written of one picture or frame: depth as numbers, and as points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.files import write_bytes
from depth_anything_ros.geometry.point_cloud import build_point_cloud, write_ply
from depth_anything_ros.messages.depth import MM_PER_M, millimetres
from depth_anything_ros.types import DepthResult, Float32Array, MetricDepth

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


def write_results(stem: Path, result: DepthResult, wanted: Wanted) -> list[Path]:
    """
    Write what is wanted of one result.

    :param stem: path of the files without what tells them apart.
    :return: the files.
    :raises CameraError: if points are wanted and the frame has no camera.
    :raises OutputError: if a file cannot be written.
    """
    written = []
    for ending in wanted.endings(result.metric is not None):
        path = with_ending(stem, ending)
        _WRITERS[ending](path, result, wanted)
        written.append(path)
    return written


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


def _write_png(path: Path, result: DepthResult, _: Wanted) -> None:
    encoded = cv2.imencode('.png', millimetres(_metric(result).depth_m))[1]
    write_bytes(path, encoded.tobytes())


def _write_metres(path: Path, result: DepthResult, _: Wanted) -> None:
    _write_npy(path, _metric(result).depth_m)


def _write_inverse(path: Path, result: DepthResult, _: Wanted) -> None:
    assert result.relative is not None
    _write_npy(path, result.relative.values)


def _write_npy(path: Path, values: Float32Array) -> None:
    # Not into the file itself: NumPy writes past Python's, and does not say why it fails.
    data = BytesIO()
    np.save(data, values)
    write_bytes(path, data.getvalue())


def _write_cloud(path: Path, result: DepthResult, wanted: Wanted) -> None:
    frame = result.frame
    cloud = build_point_cloud(_metric(result), frame.rgb, frame.camera, edge_jump=wanted.edge_jump)
    write_ply(path, cloud)


_WRITERS: dict[str, Callable[[Path, DepthResult, Wanted], None]] = {
    '_depth_mm.png': _write_png,
    '_depth_m.npy': _write_metres,
    '_inverse_depth.npy': _write_inverse,
    '_cloud.ply': _write_cloud,
}
