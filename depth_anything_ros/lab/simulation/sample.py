"""The embedded sample: a drive through the room as RGB-D frames."""

from __future__ import annotations

from collections.abc import Iterator

from depth_anything_ros.bag import RgbdFrame
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.simulation.path import drive
from depth_anything_ros.lab.simulation.renderer import Renderer
from depth_anything_ros.lab.simulation.room import make_room
from depth_anything_ros.types import Camera, Frame

FRAME_ID = 'camera_color_optical_frame'

# The colour camera of an Astra S sees about 60 degrees across.
_FOCAL_PER_WIDTH = 0.866
START_NS = 1_700_000_000_000_000_000


def sample_camera(width: int = 640, height: int = 480) -> Camera:
    """
    Return a pinhole camera of 60 degrees with its axis through the middle of the image.

    :raises DatasetError: if a side is smaller than 16 pixels.
    """
    if width < 16 or height < 16:
        raise DatasetError(f'image size {width}x{height} is too small; 16x16 is the least')
    focal_px = _FOCAL_PER_WIDTH * width
    return Camera(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)


def check_frames(frames: int, rate_hz: float) -> None:
    """
    Check how many frames are wanted, and how many a second.

    :raises DatasetError: if there are less than one frame or the rate is not above 0.
    """
    if frames < 1:
        raise DatasetError(f'{frames} frames cannot be made; 1 is the least')
    if not 0 < rate_hz <= 1000:
        raise DatasetError(f'a rate of {rate_hz:g} Hz cannot be made; allowed: above 0 to 1000')


def sample_frames(
    frames: int = 30, rate_hz: float = 10.0, seed: int = 0, camera: Camera | None = None
) -> Iterator[RgbdFrame]:
    """
    Iterate over the frames of a drive through a furnished room.

    The same arguments give the same bytes on the same machine.

    :param frames: how many.
    :param rate_hz: frames a second; stamps start at a fixed time.
    :param seed: of the room.
    :param camera: None is `sample_camera()`.
    :raises DatasetError: if there are less than one frame, the rate is not above 0 or the seed
        is negative.
    """
    check_frames(frames, rate_hz)
    if seed < 0:
        raise DatasetError(f'room seed {seed} is not allowed; allowed: 0 and above')
    return _render(frames, rate_hz, seed, camera or sample_camera())


def _render(frames: int, rate_hz: float, seed: int, camera: Camera) -> Iterator[RgbdFrame]:
    renderer = Renderer(make_room(seed), camera)
    for index, pose in enumerate(drive(frames, rate_hz)):
        stamp_ns = START_NS + round(index * 1e9 / rate_hz)
        rendered = renderer.render(pose)
        yield RgbdFrame(Frame(rendered.rgb, stamp_ns, FRAME_ID, camera), rendered.depth_m)
