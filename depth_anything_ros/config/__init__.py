"""Parameters of the nodes, a class for each, put together from the groups of the rooms."""

from depth_anything_ros.config.bag_player import BagPlayerConfig
from depth_anything_ros.config.depth_node import DepthNodeConfig
from depth_anything_ros.config.topics import NODE_TOPICS, Topic, topic_table
from depth_anything_ros.evaluation.config import EvaluatorConfig

__all__ = [
    'NODE_CONFIGS',
    'NODE_TOPICS',
    'BagPlayerConfig',
    'DepthNodeConfig',
    'EvaluatorConfig',
    'Topic',
    'topic_table',
]

NODE_CONFIGS: dict[str, type] = {
    'depth_node': DepthNodeConfig,
    'evaluator_node': EvaluatorConfig,
    'bag_player': BagPlayerConfig,
}
