"""
Play a bag through the depth node and score what comes out against the depth in the bag.

It ends with the bag and leaves summary.json, frames.csv, report.html and pictures in `output`.
`ros2 launch` then returns 0; it returns 1 when a node failed. Every argument of depth.launch.py
is one here too: model, checkpoint, backend, input_size, scale_source, rviz and so on.
"""

from pathlib import Path
from signal import SIGINT

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(__file__).absolute().parent.parent
DEPTH = str(SHARE / 'launch' / 'depth.launch.py')
CONFIG = str(SHARE / 'config' / 'evaluator.yaml')
PLAYER_CONFIG = str(SHARE / 'config' / 'bag_player.yaml')

# Name, default, description, and the only values allowed where they are fixed.
ARGUMENTS = (
    ('bag', None, 'ROS 1 bag file, or ROS 2 bag folder, to play.'),
    ('output', 'evaluation', 'Folder for the results.'),
    ('mode', 'lockstep', 'Wait for each prediction, or play in time.', 'lockstep', 'realtime'),
    ('rate', '1.0', 'Speed of realtime playing, as a factor.'),
    ('ground_truth', '/camera/depth/image_raw', 'Topic of registered depth to score against.'),
    (
        'prediction',
        'depth_node/relative/image_raw',
        'Topic that lockstep waits for; depth_node/depth/image_raw for a model in metres.',
    ),
    ('evaluator_config', CONFIG, 'Parameter file of the evaluator.'),
    ('player_config', PLAYER_CONFIG, 'Parameter file of the player.'),
)


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(
            name, default_value=default, description=description, choices=choices or None
        )
        for name, default, description, *choices in ARGUMENTS
    ]
    namespace, image = LaunchConfiguration('namespace'), LaunchConfiguration('image')
    evaluator = Node(
        package='depth_anything_ros',
        executable='evaluator_node',
        name='evaluator_node',
        namespace=namespace,
        output='screen',
        ros_arguments=['--params-file', LaunchConfiguration('evaluator_config')],
        parameters=[
            {
                'output_dir': ParameterValue(LaunchConfiguration('output'), value_type=str),
                'depth_node': [namespace, '/depth_node'],
                # The bag keeps its old stamps, which say nothing about latency.
                'latency_from': 'image',
            }
        ],
        remappings=[
            ('image', image),
            ('relative', 'depth_node/relative/image_raw'),
            ('depth', 'depth_node/depth/image_raw'),
            ('ground_truth', LaunchConfiguration('ground_truth')),
        ],
        # Report and pictures may take a small computer this long.
        sigterm_timeout='120',
    )
    player = Node(
        package='depth_anything_ros',
        executable='bag_player',
        name='bag_player',
        namespace=namespace,
        output='screen',
        ros_arguments=['--params-file', LaunchConfiguration('player_config')],
        parameters=[
            {
                'bag': ParameterValue(LaunchConfiguration('bag'), value_type=str),
                'mode': LaunchConfiguration('mode'),
                'rate': ParameterValue(LaunchConfiguration('rate'), value_type=float),
                'image_topic': image,
                'subscribers': 2,
                # The first start may download the model; a node that fails ends the wait.
                'wait_for_subscribers_s': 600.0,
            }
        ],
        remappings=[('prediction', LaunchConfiguration('prediction'))],
    )
    depth = IncludeLaunchDescription(PythonLaunchDescriptionSource(DEPTH))
    end = RegisterEventHandler(OnProcessExit(on_exit=finish))
    return LaunchDescription([*arguments, end, depth, evaluator, player])


def finish(event: ProcessExited, context: LaunchContext) -> Shutdown | None:
    if event.process_name.startswith('rviz2'):
        return None
    if context.is_shutdown and event.returncode in (0, -SIGINT):
        return None
    if event.returncode != 0:
        # Only what a handler raises makes `ros2 launch` return 1.
        raise RuntimeError(f'{event.process_name} failed with exit code {event.returncode}')
    return Shutdown(reason=f'{event.process_name} is done')
