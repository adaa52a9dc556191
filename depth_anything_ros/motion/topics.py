"""The topics that tell how the robot moves: odometry and TF."""

from __future__ import annotations

from typing import Any

from depth_anything_ros.errors import MessageError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.motion.config import AUTO, ODOM, TF, MotionConfig
from depth_anything_ros.motion.pose_history import PoseHistory
from depth_anything_ros.references import ReferenceTopic, Surroundings


class OdometryIntake:
    """Read odometry, and find where the camera lies on what moves."""

    doubt = ''

    def take(
        self, source: PoseHistory, message: Any, own: MotionConfig, around: Surroundings
    ) -> str:
        """
        Give the pose of a nav_msgs/Odometry to the history.

        :raises NoImageYetError: if TF is to be asked for the place of the camera and no image
            has come.
        :raises DepthAnythingError: if it is no pose, or the camera has no place.
        """
        pose = message.pose.pose
        body = _transform(pose.position, pose.orientation)
        _add(source, message.header, message.child_frame_id, body, own, around)
        return ''


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

        :raises NoImageYetError: as the intake of odometry.
        :raises DepthAnythingError: as there.
        """
        fixed_id = own.odometry_frame.removeprefix('/')
        for item in message.transforms:
            if item.header.frame_id.removeprefix('/') == fixed_id:
                moved = item.transform
                body = _transform(moved.translation, moved.rotation)
                _add(source, item.header, item.child_frame_id, body, own, around)
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


def _add(
    source: PoseHistory,
    header: Any,
    body_id: str,
    body: RigidTransform,
    own: MotionConfig,
    around: Surroundings,
) -> None:
    if not (body_id or own.odometry_pose):
        raise MessageError('it does not say which frame moves (child_frame_id); set odometry_pose')
    camera_from_body = around.place(body_id, own.odometry_pose, 'set odometry_pose')
    fixed_id = header.frame_id.removeprefix('/')
    source.add(stamp_ns(header), body @ camera_from_body.inverse(), fixed_id)


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
        help='instead of it with `motion_source:=tf`: what moves in `odometry_frame`',
        needed=lambda own: own.motion_source == TF,
        needs_tf=lambda own: not own.odometry_pose,
    ),
)
