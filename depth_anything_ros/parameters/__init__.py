"""What a node's parameter is, and classes of them in groups; each room declares its own."""

from depth_anything_ros.parameters.depth_unit import (
    DEPTH_UNITS,
    MILLIMETRES,
    check_depth_unit,
    steps_per_metre,
)
from depth_anything_ros.parameters.documents import markdown_table, yaml_section
from depth_anything_ros.parameters.groups import (
    changed,
    from_mapping,
    group,
    group_of_each,
    names_affecting,
    parameter_infos,
    parameter_values,
)
from depth_anything_ros.parameters.parameter import (
    Affects,
    ParameterInfo,
    check_names,
    check_order,
    check_pose,
    check_type,
    check_value,
    parameter,
    parse_value,
    pose_numbers,
    split_names,
)
from depth_anything_ros.parameters.transports import DEPTH_TRANSPORTS, IMAGE_TRANSPORTS

__all__ = [
    'DEPTH_TRANSPORTS',
    'DEPTH_UNITS',
    'IMAGE_TRANSPORTS',
    'MILLIMETRES',
    'Affects',
    'ParameterInfo',
    'changed',
    'check_depth_unit',
    'check_names',
    'check_order',
    'check_pose',
    'check_type',
    'check_value',
    'from_mapping',
    'group',
    'group_of_each',
    'markdown_table',
    'names_affecting',
    'parameter',
    'parameter_infos',
    'parameter_values',
    'parse_value',
    'pose_numbers',
    'split_names',
    'steps_per_metre',
    'yaml_section',
]
