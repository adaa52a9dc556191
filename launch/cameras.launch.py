"""
Start one process that gives depth of several cameras with one network.

Each camera is a namespace: `cameras:=front,rear` gives /front/depth_node/… and /rear/depth_node/….
Every parameter of the depth node is an argument, for all cameras; CAMERA.ARGUMENT:=value holds for
that camera alone and wins, as `rear.scale_source:=camera_height`. `camera` says of what kind all
are, or one, whose driver runs under the name of the camera. The parameter file may have a
section for all (`/**`) and one for each (`/front/depth_node`); arguments override it.
`ros2 launch -s depth_anything_ros cameras.launch.py` explains every argument.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction, RegisterEventHandler
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_anything_ros.config import CAMERA_PRESETS, DepthNodeConfig, camera_arguments
from depth_anything_ros.nodes.camera_names import camera_names
from depth_anything_ros.nodes.depth_arguments import (
    CAMERA_ARGUMENTS,
    PARAMETER_ARGUMENTS,
    PARAMETERS,
    REMAPPINGS,
    ROBOT_TOPICS,
    camera_topics,
)
from depth_anything_ros.nodes.launching import (
    OwnArguments,
    arguments_of_each,
    declarations,
    failure_when_idle,
    full_name,
    given,
    own_node,
    parsed,
    write_parameters,
)

SHARE = Path(__file__).absolute().parent.parent
CONFIG = str(SHARE / 'config' / 'depth.yaml')

# In the namespace of the camera, unless they start with a slash.
TOPICS = {'image': 'color/image_raw', 'reference': 'depth/image_raw'}
# What may be given for one camera; name, default, description, and the only values allowed where
# they are fixed.
OF_A_CAMERA = (
    *CAMERA_ARGUMENTS,
    *camera_topics(TOPICS),
    *ROBOT_TOPICS,
    *PARAMETER_ARGUMENTS,
)
ARGUMENTS = (
    (
        'cameras',
        None,
        'Names of the cameras, with commas between them; each is the namespace of its node and '
        'topics. CAMERA.ARGUMENT:=value holds for one of them.',
    ),
    ('config', CONFIG, 'Parameter file of the nodes.'),
    ('name', 'depth_node', 'Name of the node of each camera.'),
    ('namespace', '', 'Namespace that those of the cameras stand in.'),
    ('respawn', 'false', 'Whether the process is started again when it dies.', 'true', 'false'),
    ('log_level', 'info', 'Least severity logged.', 'debug', 'info', 'warn', 'error'),
    ('use_sim_time', 'false', 'Whether the time comes from /clock.', 'true', 'false'),
    *OF_A_CAMERA,
)


def generate_launch_description() -> LaunchDescription:
    own = OwnArguments(ARGUMENTS)
    start = OpaqueFunction(function=cameras_node)
    return LaunchDescription([own.begin, *declarations(ARGUMENTS), start, own.end])


def cameras_node(context: LaunchContext) -> list[Node | RegisterEventHandler]:
    cameras = camera_names(filter(None, map(str.strip, given(context, 'cameras').split(','))))
    names = [name for name, *_ in OF_A_CAMERA]
    found = {
        camera: with_topics(context, camera, texts)
        for camera, texts in arguments_of_each(context, cameras, names).items()
    }
    node = own_node(
        'cameras_node',
        {},
        name=LaunchConfiguration('name'),
        respawn=given(context, 'respawn') == 'true',
        arguments=[*cameras],
        ros_arguments=[
            '--params-file',
            parameter_file(context, found),
            '--log-level',
            LaunchConfiguration('log_level'),
        ],
        remappings=[
            rule for camera, texts in found.items() for rule in remappings(context, camera, texts)
        ],
    )
    return [*failure_when_idle(node), node]


def with_topics(context: LaunchContext, camera: str, texts: dict[str, str]) -> dict[str, str]:
    """Return the arguments of a camera with what its kind says of those that are not given."""
    kind, prefix = texts['camera'], texts['camera_prefix']
    if kind and not prefix:
        # Its driver runs under the name that the camera has here.
        prefix = full_name(context, camera, CAMERA_PRESETS[kind].below)
    told = camera_arguments(kind, prefix)
    return {**TOPICS, **told, **{name: text for name, text in texts.items() if text}}


def remappings(
    context: LaunchContext, camera: str, texts: dict[str, str]
) -> list[tuple[str, str]]:
    """Return rules with full names, so that each holds for the node of this camera alone."""
    # These are in the namespace of the launch file.
    of_robot = {name for name, *_ in ROBOT_TOPICS}
    return [
        (
            full_name(context, camera, topic),
            full_name(context, *(() if argument in of_robot else (camera,)), texts[argument]),
        )
        for topic, argument in REMAPPINGS.items()
        if texts.get(argument)
    ]


def parameter_file(context: LaunchContext, found: dict[str, dict[str, str]]) -> str:
    """Write what the arguments give each node, over what the config file does."""
    common = {'use_sim_time': given(context, 'use_sim_time') == 'true'}
    of_nodes = {}
    for camera, texts in found.items():
        own = parsed(DepthNodeConfig, {name: texts.get(name, '') for name in PARAMETERS})
        of_nodes[full_name(context, camera, given(context, 'name'))] = {**common, **own}
    names = [name.strip('/').replace('/', '_') for name in of_nodes]
    return write_parameters('-'.join(names), of_nodes)
