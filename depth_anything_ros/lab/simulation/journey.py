"""A robot's drive through a random room: images with depth, laser scans and poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from random import Random

import torch

from depth_anything_ros.bag import RgbdFrame
from depth_anything_ros.errors import CameraError, DatasetError
from depth_anything_ros.lab.simulation.odometry import StampedPose
from depth_anything_ros.lab.simulation.optics import random_imaging
from depth_anything_ros.lab.simulation.packing import Scenery
from depth_anything_ros.lab.simulation.robot import LASER_FRAME, BasePose, Robot, robot_camera
from depth_anything_ros.lab.simulation.route import find_route, follow, route_length_m, turn
from depth_anything_ros.lab.simulation.scan import scan
from depth_anything_ros.lab.simulation.scenery import furnish
from depth_anything_ros.lab.simulation.studio import Studio
from depth_anything_ros.lab.simulation.viewpoint import Solids, solids_of
from depth_anything_ros.types import Camera, Frame, LaserScan

SPEED_M_S = 0.3
_FRAME_ID = 'camera_color_optical_frame'
_START_NS = 1_700_000_000_000_000_000
_SHORTEST_ROUTE_M = 2.5
_ROOMS_TRIED = 40
_TRACK_HZ = 50.0


@dataclass(frozen=True)
class RobotFrame:
    """
    What a robot senses at one time: image and depth, a scan, and where its base is.

    `track` is where it has been since the frame before, 50 times a second, up to this one;
    `cast` makes the scan, which takes a while, once it is asked for.
    """

    rgbd: RgbdFrame
    base: BasePose
    track: tuple[StampedPose, ...]
    cast: Callable[[], LaserScan] = field(repr=False, compare=False)

    @cached_property
    def scan(self) -> LaserScan:
        """Return what the laser measures."""
        return self.cast()


def journey(
    seed: int,
    frames: int = 30,
    rate_hz: float = 10.0,
    camera: Camera | None = None,
    robot: Robot | None = None,
    speed_m_s: float = SPEED_M_S,
    version: int = 1,
    turn_rad_s: float = 0.0,
) -> Iterator[RobotFrame]:
    """
    Iterate over what a robot senses on a drive through a random furnished room.

    Depth and ranges are exact; panes of windows have no depth but stop the laser. The same
    arguments give the same data on the same machine.

    :param seed: of the room, at least 0; no view of a `World` shows it.
    :param frames: how many.
    :param rate_hz: frames a second; stamps start at a fixed time.
    :param camera: None is `robot_camera()`.
    :param robot: None is a camera at 0.149 m that looks level.
    :param speed_m_s: of the robot on straight ways; at 0 it stands still, and only the noise of
        the images changes.
    :param version: of the world, see `furnish`.
    :param turn_rad_s: above or below 0, it turns on the spot instead of driving.
    :raises DatasetError: if the seed is negative, there are less than one frame or the rate is
        not above 0.
    :raises CameraError: if the camera has lens distortion or no focal length.
    """
    camera = camera or robot_camera()
    if camera.distortion or camera.fx_px <= 0 or camera.fy_px <= 0:
        raise CameraError(
            'rendering needs a pinhole camera: no distortion and focal lengths above 0, '
            f'not {camera}'
        )
    if seed < 0:
        raise DatasetError(f'world seed {seed} is not allowed; allowed: 0 and above')
    _check_frames(frames, rate_hz)
    return _drive(seed, frames, rate_hz, camera, robot or Robot(), speed_m_s, version, turn_rad_s)


def _check_frames(frames: int, rate_hz: float) -> None:
    if frames < 1:
        raise DatasetError(f'{frames} frames cannot be made; 1 is the least')
    if not 0 < rate_hz <= 1000:
        raise DatasetError(f'a rate of {rate_hz:g} Hz cannot be made; allowed: above 0 to 1000')


def _drive(
    seed: int,
    frames: int,
    rate_hz: float,
    camera: Camera,
    robot: Robot,
    speed_m_s: float,
    version: int,
    turn_rad_s: float,
) -> Iterator[RobotFrame]:
    for attempt in range(_ROOMS_TRIED):
        rng = Random(f'journey/{seed}/{attempt}')
        plan, room = furnish(rng, version)
        solids = solids_of(plan)
        route = find_route(solids, room, robot.top_m)
        if route_length_m(route) >= _SHORTEST_ROUTE_M:
            break
    else:
        raise DatasetError(f'no room of seed {seed} has a free way of {_SHORTEST_ROUTE_M} m')
    studio = Studio(seed, torch.device('cpu'))
    imaging = random_imaging(rng)._replace(motion_px=0.0, blur_px=0.3, compression=0.0)
    steps = max(1, round(_TRACK_HZ / rate_hz))
    count, pose_hz = (frames - 1) * steps + 1, rate_hz * steps
    if turn_rad_s:
        poses = turn(route, count, pose_hz, turn_rad_s)
    else:
        poses = follow(route, count, pose_hz, speed_m_s)
    track = [
        StampedPose(_START_NS + round(number * 1e9 / (rate_hz * steps)), base)
        for number, base in enumerate(poses)
    ]
    for index in range(0, len(track), steps):
        stamp_ns, base = track[index]
        scenery = Scenery(plan, solids, robot.camera_pose(base), camera)
        rgb, depth_m = studio.render([scenery], [imaging._replace(noise_at=rng.random())], part=0)
        yield RobotFrame(
            RgbdFrame(Frame(rgb[0].numpy(), stamp_ns, _FRAME_ID, camera), depth_m[0].numpy()),
            base,
            tuple(track[max(0, index - steps + 1) : index + 1]),
            partial(_scan, solids, robot, base, stamp_ns),
        )


def _scan(solids: Solids, robot: Robot, base: BasePose, stamp_ns: int) -> LaserScan:
    cast = scan(solids, robot.laser_pose(base))
    return replace(cast, stamp_ns=stamp_ns, frame_id=LASER_FRAME)
