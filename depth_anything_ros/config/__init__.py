"""
Parameters of the nodes, a class for each, put together from the groups of the rooms.

Those of the evaluator and the bag player are loaded when they are first asked for: the depth node
starts without metrics and bags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depth_anything_ros.config.camera_presets import (
    CAMERA_PRESETS,
    CameraPreset,
    camera_arguments,
    camera_table,
)
from depth_anything_ros.config.depth_node import DepthNodeConfig
from depth_anything_ros.config.topics import NODES_WITH_TOPICS, Topic, node_topics, topic_table
from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from depth_anything_ros.config.bag_player import BagPlayerConfig
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

NODE_CONFIGS: Registry[type] = Registry(
    'node',
    {
        'depth_node': DepthNodeConfig,
        'evaluator_node': 'depth_anything_ros.evaluation.config:EvaluatorConfig',
        'bag_player': 'depth_anything_ros.config.bag_player:BagPlayerConfig',
    },
)
_LATER = {'BagPlayerConfig': 'bag_player', 'EvaluatorConfig': 'evaluator_node'}


def __getattr__(name: str) -> type:
    if name not in _LATER:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return NODE_CONFIGS[_LATER[name]]
