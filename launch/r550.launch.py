"""
Start the depth node on a WHEELTEC R550: its topics, its sources of scale, its camera height.

Every argument of depth.launch.py is one here too. Depth that is not registered (the driver's
`depth_registration` is off by default) is reprojected with its own camera_info and TF.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(__file__).absolute().parent.parent
DEPTH = str(SHARE / 'launch' / 'depth.launch.py')
CONFIG = str(SHARE / 'config' / 'r550.yaml')

# Of the lens above the ground in metres, from the models of the vendor's workspace.
HEIGHTS_M = {
    'mec': '0.149',
    'tank': '0.115',
    '4wd': '0.145',
    'omni': '0.142',
    'akm': '0.098',
    'diff': '0.092',
}


def generate_launch_description() -> LaunchDescription:
    chassis = DeclareLaunchArgument(
        'chassis',
        default_value='',
        description='Chassis, which gives the height of the camera unless camera_height_m does; '
        'empty takes that of the parameter file.',
        choices=['', *HEIGHTS_M],
    )
    config = DeclareLaunchArgument(
        'config', default_value=CONFIG, description='Parameter file of the node.'
    )
    depth = IncludeLaunchDescription(PythonLaunchDescriptionSource(DEPTH))
    return LaunchDescription([chassis, config, OpaqueFunction(function=camera_height), depth])


def camera_height(context: LaunchContext) -> list[SetLaunchConfiguration]:
    chassis = LaunchConfiguration('chassis').perform(context)
    if not chassis or context.launch_configurations.get('camera_height_m'):
        return []
    height_m = HEIGHTS_M[chassis]
    return [SetLaunchConfiguration('camera_height_m', height_m)]
