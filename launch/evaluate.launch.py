"""
Play a bag through the depth node and score what comes out against the depth in the bag.

It ends with the bag and leaves summary.json, frames.csv, report.html and pictures in `output`.
`ros2 launch` then returns 0; it returns 1 when a node failed, or at once when the bag cannot be
used, and 3 when the results break a bound of `gate`. Every argument of depth.launch.py is one
here too: model, checkpoint, backend, input_size, camera, scale_source, rviz and so on. Topics are
those of the bag; a namespace does not move them.
"""

from pathlib import Path
from signal import SIGINT

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from depth_anything_ros.bag import BagReader, find_topics
from depth_anything_ros.config import BagPlayerConfig, EvaluatorConfig, camera_arguments
from depth_anything_ros.errors import EXIT_GATE
from depth_anything_ros.nodes.depth_arguments import CAMERA_ARGUMENTS
from depth_anything_ros.nodes.launching import (
    OwnArguments,
    declarations,
    exit_with,
    full_name,
    given,
    own_node,
    parameters,
)
from depth_anything_ros.nodes.topics import split_transport
from depth_anything_ros.parameters import parameter_infos

SHARE = Path(__file__).absolute().parent.parent
DEPTH = str(SHARE / 'launch' / 'depth.launch.py')
CONFIG = str(SHARE / 'config' / 'evaluator.yaml')
PLAYER_CONFIG = str(SHARE / 'config' / 'bag_player.yaml')

FOUND = 'Not given: that of camera, else found in the bag by the names that drivers give.'
PARAMETERS = parameter_infos(EvaluatorConfig)
# What one topic of depth says to both nodes: parameter of the evaluator → of the depth node.
TRUTH_RULES = {
    f'ground_truth_{name}': f'reference_{name}' for name in ('depth_unit', 'registration', 'pose')
}
# Name, default, description, and the only values allowed where they are fixed.
ARGUMENTS = (
    ('bag', None, 'ROS 1 bag file, or ROS 2 bag folder, to play.'),
    ('output', 'evaluation', 'Folder for the results.'),
    ('gate', '', f'{PARAMETERS["gate"][1].help} `ros2 launch` then returns 3 too.'),
    ('mode', 'lockstep', 'Wait for each prediction, or play in time.', 'lockstep', 'realtime'),
    ('rate', '1.0', 'Speed of realtime playing, as a factor.'),
    *CAMERA_ARGUMENTS,
    ('image', '', f'Topic of the camera image in the bag, in any transport. {FOUND}'),
    ('reference', '', f'Topic of depth in the bag for scale_source:=depth_image. {FOUND}'),
    ('ground_truth', '', 'Topic of depth in the bag to score against. Not given: reference.'),
    *(
        (
            name,
            '',
            f'{PARAMETERS[name][1].help} Not given: as {reference} where that is the same topic, '
            'else as in the parameter file.',
            *PARAMETERS[name][1].choices,
        )
        for name, reference in TRUTH_RULES.items()
    ),
    ('scan', '/scan', 'Topic of the laser scan in the bag for scale_source:=laser_scan.'),
    ('imu', '/imu/data', 'Topic of the IMU in the bag for camera_tilt_source:=imu.'),
    ('odom', '/odom', 'Topic of odometry in the bag for temporal_smoothing_s.'),
    (
        'prediction',
        '',
        'Topic that lockstep waits for; depth_node/depth/image_raw for a model in metres. Not '
        'given: relative/image_raw of the depth node.',
    ),
    ('evaluator_config', CONFIG, 'Parameter file of the evaluator.'),
    ('player_config', PLAYER_CONFIG, 'Parameter file of the player.'),
)


def generate_launch_description() -> LaunchDescription:
    own = OwnArguments(ARGUMENTS)
    depth = IncludeLaunchDescription(PythonLaunchDescriptionSource(DEPTH))
    end = RegisterEventHandler(OnProcessExit(on_exit=finish))
    # The bag first: where it cannot be used, launch stops before it has started a node.
    return LaunchDescription(
        [
            own.begin,
            *declarations(ARGUMENTS),
            OpaqueFunction(function=take_topics),
            end,
            depth,
            OpaqueFunction(function=evaluator),
            OpaqueFunction(function=player),
            own.end,
        ]
    )


def playing(context: LaunchContext) -> dict[str, ParameterValue]:
    return parameters(context, BagPlayerConfig, ('bag', 'mode', 'rate'))


def take_topics(context: LaunchContext) -> None:
    """Give the topics of the bag, and how images come on them, to those that subscribe."""
    values = context.launch_configurations
    playing(context)
    preset = camera_arguments(given(context, 'camera'), given(context, 'camera_prefix'))

    def told(name: str) -> str:
        own = f'/{preset[name].lstrip("/")}' if name in preset else ''
        topic, transport = values.get(name) or own, values.get(f'{name}_transport', '')
        return f'{topic}/{transport}' if topic and transport not in ('', 'raw') else topic

    with BagReader(Path(given(context, 'bag'))) as reader:
        depth, truth = told('reference'), given(context, 'ground_truth')
        calibrations = [values.get(name, '') for name in ('camera_info', 'reference_info')]
        found = find_topics(reader, told('image'), depth or truth, *calibrations)
        scored = find_topics(reader, found.image, truth) if truth else found
    values['camera_info'], values['reference_info'] = found.camera_info, found.depth_camera_info
    values['ground_truth_info'] = scored.depth_camera_info
    for name, topic in (
        ('image', found.image),
        ('reference', found.depth),
        ('ground_truth', scored.depth),
    ):
        values[name], values[f'{name}_transport'] = split_transport(topic)
    if values['ground_truth'] == values['reference']:
        for name, reference in TRUTH_RULES.items():
            values[name] = values[name] or values.get(reference, '')


def evaluator(context: LaunchContext) -> list[Node]:
    node = given(context, 'name')
    shared = ('image_transport', 'image_is_rectified', 'ground_truth_transport', *TRUTH_RULES)
    calibrations = {
        'camera_info': given(context, 'camera_info'),
        'ground_truth/camera_info': given(context, 'ground_truth_info'),
    }
    return [
        own_node(
            'evaluator_node',
            {
                'output_dir': ParameterValue(LaunchConfiguration('output'), value_type=str),
                'depth_node': full_name(context, node),
                # The bag keeps its old stamps, which say nothing about latency.
                'latency_from': 'image',
                # Of the patience below.
                'drain_s': 15.0,
                **parameters(context, EvaluatorConfig, ('gate', *shared)),
            },
            config='evaluator_config',
            remappings=[
                ('image', LaunchConfiguration('image')),
                ('relative', f'{node}/relative/image_raw'),
                ('depth', f'{node}/depth/image_raw'),
                ('sigma', f'{node}/sigma/image_raw'),
                ('confidence', f'{node}/confidence/image_raw'),
                ('scale', f'{node}/scale'),
                ('ground_truth', LaunchConfiguration('ground_truth')),
                *((name, topic) for name, topic in calibrations.items() if topic),
            ],
            # Report and pictures may take a small computer this long.
            sigterm_timeout='120',
        )
    ]


def player(context: LaunchContext) -> list[Node]:
    transport = given(context, 'image_transport')
    image = given(context, 'image') + (f'/{transport}' if transport != 'raw' else '')
    prediction = given(context, 'prediction') or f'{given(context, "name")}/relative/image_raw'
    return [
        own_node(
            'bag_player',
            {
                **playing(context),
                'image_topic': image,
                # RViz, and what waits for the first image to start it, are one more.
                'subscribers': 3 if given(context, 'rviz') == 'true' else 2,
                # The first start may download the model; a node that fails ends the wait.
                'wait_for_subscribers_s': 600.0,
            },
            config='player_config',
            remappings=[('prediction', prediction)],
        )
    ]


def finish(event: ProcessExited, context: LaunchContext) -> Shutdown | None:
    if event.process_name.startswith(('rviz2', 'viewer')):
        return None
    if context.is_shutdown and event.returncode in (0, -SIGINT):
        return None
    if event.process_name.startswith('evaluator_node') and event.returncode == EXIT_GATE:
        exit_with(EXIT_GATE)
        raise RuntimeError('the results are there and break bounds of the gate, as told above')
    if event.returncode != 0:
        # Only what a handler raises makes `ros2 launch` return 1.
        raise RuntimeError(f'{event.process_name} failed with exit code {event.returncode}')
    return Shutdown(reason=f'{event.process_name} is done')
