"""The topics that tell how the robot moves: odometry and TF."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from depth_anything_ros.errors import MessageError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.motion.config import AUTO, ODOM, TF, MotionConfig
from depth_anything_ros.motion.pose_history import PoseHistory
from depth_anything_ros.references import ReferenceTopic, Surroundings

# Odometry whose pose stays while its twist comes to so much tells speeds alone; slower is noise.
_UNTOLD_M, _DRIVES_M_S = 0.1, 0.05


class OdometryIntake:
    """Read odometry, and find where the camera lies on what moves."""

    doubt = ''

    def __init__(self) -> None:
        self._body: RigidTransform | None = None
        self._stamp_ns = 0
        self._untold_m = 0.0

    def take(
        self, source: PoseHistory, message: Any, own: MotionConfig, around: Surroundings
    ) -> str:
        """
        Give the pose of a nav_msgs/Odometry to the history.

        Where its pose stays while its twist tells of a way, what it told before is forgotten, so
        that with the motion source auto TF tells.

        :raises NoImageYetError: if TF is to be asked for the place of the camera and no image
            has come.
        :raises DepthAnythingError: if it is no pose, its pose stays while its twist tells of a
            way, or the camera has no place.
        """
        pose = message.pose.pose
        body = _transform(pose.position, pose.orientation)
        try:
            self._check_moves(stamp_ns(message.header), body, message.twist.twist.linear)
        except MessageError:
            source.forget(ODOM)
            raise
        _add(source, message.header, message.child_frame_id, body, own, around, ODOM)
        return ''

    def _check_moves(self, now_ns: int, body: RigidTransform, speed: Any) -> None:
        """Refuse a pose that has stayed while the robot drove."""
        speed_m_s = math.hypot(speed.x, speed.y, speed.z)
        if self._body is None or not _alike(body, self._body):
            self._untold_m = 0.0
        elif _DRIVES_M_S <= speed_m_s < math.inf:
            self._untold_m += speed_m_s * max(now_ns - self._stamp_ns, 0) * 1e-9
        self._body, self._stamp_ns = body, now_ns
        if self._untold_m > _UNTOLD_M:
            x_m, y_m, z_m = body.translation_m.tolist()
            raise MessageError(
                f'its pose stays at {x_m:g} {y_m:g} {z_m:g} while its twist tells of '
                f'{speed_m_s:.1g} m/s: poses are needed, not speeds alone; let a filter as '
                'robot_localization make them of it, or set motion_source to tf'
            )


# Frames that move in others than the odometry frame, as far as they are named.
_NAMED = 5


class TransformIntake:
    """Read what moves in the odometry frame from TF, and find where the camera lies on it."""

    doubt = ''

    def __init__(self) -> None:
        self._others: dict[str, None] = {}

    def take(
        self, source: PoseHistory, message: Any, own: MotionConfig, around: Surroundings
    ) -> str:
        """
        Give the transforms of a tf2_msgs/TFMessage that are in the odometry frame to the history.

        With the motion source auto, odometry that tells poses is believed, and these are not.

        :raises NoImageYetError: as the intake of odometry.
        :raises DepthAnythingError: as there.
        """
        if own.motion_source == AUTO and source.teller == ODOM:
            return ''
        fixed_id = own.odometry_frame.removeprefix('/')
        for item in message.transforms:
            if item.header.frame_id.removeprefix('/') == fixed_id:
                moved = item.transform
                body = _transform(moved.translation, moved.rotation)
                _add(source, item.header, item.child_frame_id, body, own, around, TF)
            elif len(self._others) < _NAMED:
                self._others[f"'{item.child_frame_id}' in '{item.header.frame_id}'"] = None
        if not len(source):
            source.refuse(
                f"TF tells of nothing that moves in '{fixed_id}' (odometry_frame), only of "
                f'{", ".join(self._others) or "nothing"}'
            )
        return ''


def _transform(move: Any, turn: Any) -> RigidTransform:
    return RigidTransform.from_quaternion(
        (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
    )


def _alike(one: RigidTransform, other: RigidTransform) -> bool:
    return np.array_equal(one.translation_m, other.translation_m) and np.array_equal(
        one.rotation, other.rotation
    )


def _add(
    source: PoseHistory,
    header: Any,
    body_id: str,
    body: RigidTransform,
    own: MotionConfig,
    around: Surroundings,
    teller: str,
) -> None:
    if not (body_id or own.odometry_pose):
        raise MessageError('it does not say which frame moves (child_frame_id); set odometry_pose')
    camera_from_body = around.place(body_id, own.odometry_pose, 'set odometry_pose')
    fixed_id = header.frame_id.removeprefix('/')
    source.add(stamp_ns(header), body @ camera_from_body.inverse(), fixed_id, teller)


MOTION_TOPICS = (
    ReferenceTopic(
        'odom',
        'nav_msgs/msg/Odometry',
        OdometryIntake,
        help='with `temporal_smoothing_s` or `scale_source:=motion`, unless `motion_source` is tf '
        'or off',
        needed=lambda own: own.motion_source in (AUTO, ODOM),
        needs_tf=lambda own: not own.odometry_pose,
    ),
    ReferenceTopic(
        '/tf',
        'tf2_msgs/msg/TFMessage',
        TransformIntake,
        help='where none comes, or with `motion_source:=tf`: what moves in `odometry_frame`',
        needed=lambda own: own.motion_source in (AUTO, TF),
        optional=lambda own: own.motion_source == AUTO,
        needs_tf=lambda own: not own.odometry_pose,
    ),
)
