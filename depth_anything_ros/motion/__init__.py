"""How the camera moved: poses by stamp, from odometry or TF."""

from depth_anything_ros.motion.config import MotionConfig
from depth_anything_ros.motion.pose_history import PoseHistory
from depth_anything_ros.motion.topics import MOTION_TOPICS

__all__ = ['MOTION_TOPICS', 'MotionConfig', 'PoseHistory']
