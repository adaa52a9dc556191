"""Parameters of the nodes, a class for each; the only place where a default stands."""

from depth_anything_ros.config.depth_node import (
    DEPTH_TRANSPORTS,
    IMAGE_TRANSPORTS,
    PREVIEW_COLORMAPS,
    DepthNodeConfig,
)
from depth_anything_ros.config.depth_unit import DEPTH_UNITS, MILLIMETRES, steps_per_metre
from depth_anything_ros.config.documents import markdown_table, yaml_section
from depth_anything_ros.config.evaluation import BagPlayerConfig, EvaluatorConfig
from depth_anything_ros.config.parameter import (
    ParameterInfo,
    check_value,
    from_mapping,
    parameter,
    parameter_infos,
    parse_value,
    pose_numbers,
)

__all__ = [
    'DEPTH_TRANSPORTS',
    'DEPTH_UNITS',
    'IMAGE_TRANSPORTS',
    'MILLIMETRES',
    'NODE_CONFIGS',
    'PREVIEW_COLORMAPS',
    'BagPlayerConfig',
    'DepthNodeConfig',
    'EvaluatorConfig',
    'ParameterInfo',
    'check_value',
    'from_mapping',
    'markdown_table',
    'parameter',
    'parameter_infos',
    'parse_value',
    'pose_numbers',
    'steps_per_metre',
    'yaml_section',
]

NODE_CONFIGS: dict[str, type] = {
    'depth_node': DepthNodeConfig,
    'evaluator_node': EvaluatorConfig,
    'bag_player': BagPlayerConfig,
}
