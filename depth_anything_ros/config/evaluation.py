"""Parameters of the evaluator node and the bag player."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.config.parameter import check_order, parameter


@dataclass(frozen=True)
class EvaluatorConfig:
    """Parameters of `evaluator_node`."""

    output_dir: str = parameter(
        'evaluation',
        'Folder for frames.csv, summary.json, report.html and pictures.',
        read_only=True,
    )
    alignments: tuple[str, ...] = parameter(
        ('none', 'scale', 'scale_shift', 'online'),
        'How predictions are brought to metres before they are scored: as they are, per frame '
        'in inverse depth, or as the depth node published them.',
        choices=('none', 'scale', 'scale_shift', 'online'),
        read_only=True,
    )
    min_depth_m: float = parameter(
        0.2,
        'Ground truth below this is not scored.',
        unit='m',
        minimum=0.001,
        maximum=100.0,
        read_only=True,
    )
    max_depth_m: float = parameter(
        8.0,
        'Ground truth beyond this is not scored; predictions are clamped to it.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
        read_only=True,
    )
    pairing_tolerance_s: float = parameter(
        0.02,
        'Largest difference between the stamps of a prediction and its ground truth.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        read_only=True,
    )
    latency_from: str = parameter(
        'stamp',
        'Latency is arrival minus header stamp (the clocks must agree), or minus the arrival '
        'of the image at this node (for bags played with their old stamps).',
        choices=('stamp', 'image'),
        read_only=True,
    )
    depth_node: str = parameter(
        'depth_node',
        'Name under which the depth node reports in /diagnostics.',
        read_only=True,
    )
    picture_every: int = parameter(
        10,
        'A picture (image | prediction | truth | error) of every how manieth scored frame; '
        '0 makes none.',
        minimum=0,
        maximum=1000000,
        read_only=True,
    )

    def __post_init__(self) -> None:
        """
        Check what involves two parameters.

        :raises ConfigError: if the range of the ground truth is empty.
        """
        check_order(self, 'min_depth_m', 'max_depth_m')


@dataclass(frozen=True)
class BagPlayerConfig:
    """Parameters of `bag_player`."""

    bag: str = parameter(
        '',
        'ROS 1 bag file, or ROS 2 bag folder, to play.',
        read_only=True,
    )
    mode: str = parameter(
        'realtime',
        'realtime plays by the recorded times, lockstep waits for the prediction of each image '
        'before the next one.',
        choices=('realtime', 'lockstep'),
        read_only=True,
    )
    rate: float = parameter(
        1.0,
        'Speed of realtime playing, as a factor.',
        minimum=0.01,
        maximum=100.0,
        read_only=True,
    )
    image_topic: str = parameter(
        '/camera/color/image_raw',
        'Topic in the bag whose messages are the frames that lockstep waits for.',
        read_only=True,
    )
    restamp: bool = parameter(
        False,
        'Replace header stamps by the time of playing, so that latency can be measured from '
        'them; messages of one frame keep their differences.',
        read_only=True,
    )
    publish_clock: bool = parameter(
        True,
        'Publish the recorded time on /clock (not together with restamp).',
        read_only=True,
    )
    loop: bool = parameter(
        False,
        'Start again at the end until stopped.',
        read_only=True,
    )
    subscribers: int = parameter(
        1,
        'How many subscribers of the image topic playing waits for.',
        minimum=0,
        maximum=100,
        read_only=True,
    )
    wait_for_subscribers_s: float = parameter(
        30.0,
        'Longest wait for subscribers of the image topic, and in lockstep for a publisher of '
        'the prediction, before playing starts.',
        unit='s',
        minimum=0.0,
        maximum=600.0,
        read_only=True,
    )
    lockstep_timeout_s: float = parameter(
        30.0,
        'Longest wait for the prediction of one image in lockstep; then it counts as lost.',
        unit='s',
        minimum=0.1,
        maximum=600.0,
        read_only=True,
    )
    settle_s: float = parameter(
        1.5,
        'Time to wait before the first message and after the last, so that everybody has found '
        'each other and gets all of it.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        read_only=True,
    )
