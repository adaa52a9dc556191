"""Parameters of the nodes, a class for each, put together from the groups of the rooms."""

from depth_anything_ros.config.bag_player import BagPlayerConfig
from depth_anything_ros.config.camera_presets import (
    CAMERA_PRESETS,
    CameraPreset,
    camera_arguments,
    camera_table,
)
from depth_anything_ros.config.depth_node import DepthNodeConfig
from depth_anything_ros.config.topics import NODES_WITH_TOPICS, Topic, node_topics, topic_table
from depth_anything_ros.evaluation.config import EvaluatorConfig

__all__ = [
    'CAMERA_PRESETS',
    'NODES_WITH_TOPICS',
    'NODE_CONFIGS',
    'BagPlayerConfig',
    'CameraPreset',
    'DepthNodeConfig',
    'EvaluatorConfig',
    'Topic',
    'camera_arguments',
    'camera_table',
    'node_topics',
    'topic_table',
]

NODE_CONFIGS: dict[str, type] = {
    'depth_node': DepthNodeConfig,
    'evaluator_node': EvaluatorConfig,
    'bag_player': BagPlayerConfig,
}
