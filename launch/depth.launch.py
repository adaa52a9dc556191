"""
Start the depth node, and RViz when asked.

Every parameter of the node is an argument too; one that is given overrides the config file.
`ros2 launch -s depth_anything_ros depth.launch.py` explains them all.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from depth_anything_ros.config import DepthNodeConfig, parameter_infos

SHARE = Path(__file__).absolute().parent.parent
CONFIG = str(SHARE / 'config' / 'depth.yaml')
LAYOUT = str(SHARE / 'rviz' / 'depth.rviz')
PARAMETERS = parameter_infos(DepthNodeConfig)

# Name, default, description, and the only values allowed where they are fixed.
ARGUMENTS = (
    ('image', '/camera/color/image_raw', 'Topic of the camera image.'),
    ('camera_info', '/camera/color/camera_info', 'Topic of the calibration of the camera.'),
    ('reference', '/camera/depth/image_raw', 'Topic of depth for scale_source:=depth_image.'),
    (
        'reference_info',
        '/camera/depth/camera_info',
        'Topic of the calibration of that depth, used where it is not registered.',
    ),
    ('scan', '/scan', 'Topic of the laser scan for scale_source:=laser_scan.'),
    ('imu', '/imu/data', 'Topic of the IMU for camera_tilt_source:=imu.'),
    ('config', CONFIG, 'Parameter file of the node.'),
    ('namespace', '', 'Namespace of the node.'),
    ('log_level', 'info', 'Least severity logged.', 'debug', 'info', 'warn', 'error'),
    ('use_sim_time', 'false', 'Whether the time comes from /clock.', 'true', 'false'),
    ('rviz', 'false', 'Whether rviz2 shows image, preview and cloud.', 'true', 'false'),
    *(
        (name, '', f'{info.help} Not given: as in the config file.', *info.choices)
        for name, (_, info) in PARAMETERS.items()
    ),
)


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(
            name,
            default_value=default,
            description=description,
            choices=list(dict.fromkeys((default, *choices))) if choices else None,
        )
        for name, default, description, *choices in ARGUMENTS
    ]
    namespace = LaunchConfiguration('namespace')
    rviz = Node(
        condition=IfCondition(LaunchConfiguration('rviz')),
        package='rviz2',
        executable='rviz2',
        arguments=['-d', LAYOUT],
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
        remappings=[
            ('/camera/color/image_raw', LaunchConfiguration('image')),
            *(
                (topic, [namespace, topic])
                for topic in ('/depth_node/points', '/depth_node/preview/image_raw')
            ),
        ],
    )
    # RViz first: where it is not installed, launch stops before it has started a node.
    return LaunchDescription([*arguments, rviz, OpaqueFunction(function=depth_node)])


def depth_node(context: LaunchContext) -> list[Node]:
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=type(default))
        for name, (default, _) in PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }
    image, config = LaunchConfiguration('image'), LaunchConfiguration('config')
    node = Node(
        package='depth_anything_ros',
        executable='depth_node',
        name='depth_node',
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        # Here, unlike in `parameters`, a file that does not exist is an error.
        ros_arguments=['--params-file', config, '--log-level', LaunchConfiguration('log_level')],
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time'), **given}],
        remappings=[
            ('image', image),
            ('image/compressed', [image, '/compressed']),
            ('camera_info', LaunchConfiguration('camera_info')),
            ('reference/depth', LaunchConfiguration('reference')),
            ('reference/camera_info', LaunchConfiguration('reference_info')),
            ('scan', LaunchConfiguration('scan')),
            ('imu', LaunchConfiguration('imu')),
        ],
    )
    return [node]
