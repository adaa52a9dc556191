"""
ROS 1 and ROS 2 bags without ROS: messages as CDR for live topics, and RGB-D frames.

rosbags does the reading and writing; everything that can be wrong with a bag leaves here as a
DatasetError.
"""

from depth_anything_ros.bag.cdr import header_frame_id, header_stamp_ns, restamp
from depth_anything_ros.bag.lockstep import Lockstep
from depth_anything_ros.bag.qos import TopicQos
from depth_anything_ros.bag.reader import BagMessage, BagReader, BagTopic
from depth_anything_ros.bag.rgbd import MessagePair, RgbdFrame, RgbdFrames, time_ns
from depth_anything_ros.bag.rgbd_writing import write_rgbd_bag, write_rgbd_frame
from depth_anything_ros.bag.schedule import Group, Pace, Recorded, group_by_image
from depth_anything_ros.bag.topics import (
    RgbdTopics,
    find_camera_info,
    find_image,
    find_topics,
    transport_of,
)
from depth_anything_ros.bag.transforms import BagTransforms
from depth_anything_ros.bag.writer import STORAGES, BagWriter

__all__ = [
    'STORAGES',
    'BagMessage',
    'BagReader',
    'BagTopic',
    'BagTransforms',
    'BagWriter',
    'Group',
    'Lockstep',
    'MessagePair',
    'Pace',
    'Recorded',
    'RgbdFrame',
    'RgbdFrames',
    'RgbdTopics',
    'TopicQos',
    'find_camera_info',
    'find_image',
    'find_topics',
    'group_by_image',
    'header_frame_id',
    'header_stamp_ns',
    'restamp',
    'time_ns',
    'transport_of',
    'write_rgbd_bag',
    'write_rgbd_frame',
]
