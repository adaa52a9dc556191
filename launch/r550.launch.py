"""
Start the depth node on a WHEELTEC R550: its topics, its sources of scale, its camera height.

Every argument of depth.launch.py is one here too. Depth that is not registered (the driver's
`depth_registration` is off by default) is reprojected with its own camera_info and TF.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

from depth_anything_ros.nodes.launching import OwnArguments, declarations, given

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
# Name, default, description, and the only values allowed where they are fixed.
ARGUMENTS = (
    (
        'chassis',
        '',
        'Chassis, which gives the height of the camera unless camera_height_m does; empty takes '
        'that of the parameter file.',
        *HEIGHTS_M,
    ),
    ('config', CONFIG, 'Parameter file of the node.'),
)


def generate_launch_description() -> LaunchDescription:
    own = OwnArguments(ARGUMENTS)
    depth = IncludeLaunchDescription(PythonLaunchDescriptionSource(DEPTH))
    height = OpaqueFunction(function=camera_height)
    return LaunchDescription([own.begin, *declarations(ARGUMENTS), height, depth, own.end])


def camera_height(context: LaunchContext) -> None:
    chassis = given(context, 'chassis')
    if chassis and not context.launch_configurations.get('camera_height_m'):
        context.launch_configurations['camera_height_m'] = HEIGHTS_M[chassis]
