"""Parameters of the bag player."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import parameter


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
    frames: int = parameter(
        0,
        'How many frames to play; 0 plays all.',
        minimum=0,
        maximum=999_999,
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
