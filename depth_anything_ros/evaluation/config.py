"""Parameters of the evaluator node."""

from __future__ import annotations

import math
from dataclasses import dataclass

from depth_anything_ros.evaluation.gathering import Doubt
from depth_anything_ros.evaluation.metrics import DEFAULT, METRICS, MetricWords, chosen_metrics
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.sigma_rows import of_sigma
from depth_anything_ros.parameters import (
    DEPTH_TRANSPORTS,
    IMAGE_TRANSPORTS,
    check_depth_unit,
    check_order,
    check_pose,
    group,
    parameter,
)
from depth_anything_ros.types import CameraMounting


@dataclass(frozen=True)
class EvaluatorConfig:
    """Parameters of `evaluator_node`."""

    output_dir: str = parameter(
        'evaluation',
        'Folder for frames.csv, summary.json, report.html and pictures.',
        read_only=True,
    )
    gate: str = parameter(
        '',
        'YAML file of bounds on the figures of the run; where one is broken at its end, the node '
        'says each breach and exits with 3.',
        read_only=True,
    )
    alignments: tuple[str, ...] = parameter(
        ('none', 'scale', 'scale_shift', 'online'),
        'How predictions are brought to metres before they are scored: as they are, fitted to '
        'the truth of each frame, or as the depth node published them.',
        choices=('none', 'scale', 'scale_shift', 'online', 'median', 'robust'),
        read_only=True,
    )
    metrics: tuple[str, ...] = parameter(
        (DEFAULT,),
        'What is scored beside the metrics that every run has: `default` for nothing, names, or '
        '`all`. These take longer a frame, and some need a calibrated camera.',
        names=MetricWords(),
        read_only=True,
    )
    obstacles: ObstacleRule = group(ObstacleRule)
    camera_height_m: float = parameter(
        0.0,
        'Height of the lens above the ground, for the metrics of obstacles, about: the ground '
        'that the truth shows near it counts, and a frame that shows another one has no figures. '
        '0 takes height and tilt from TF, or where that does not know `ground_frame`, of the '
        'ground in the true depth.',
        unit='m',
        minimum=0.0,
        maximum=10.0,
        read_only=True,
    )
    camera_pitch_deg: float = parameter(
        0.0,
        'How far the camera looks down, with camera_height_m.',
        unit='°',
        minimum=-85.0,
        maximum=85.0,
        read_only=True,
    )
    camera_roll_deg: float = parameter(
        0.0,
        'How far the camera leans to the right, with camera_height_m.',
        unit='°',
        minimum=-180.0,
        maximum=180.0,
        read_only=True,
    )
    ground_frame: str = parameter(
        'base_footprint',
        'Frame of the robot that lies on the ground with z up, in TF; empty asks TF for nothing.',
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
    image_transport: str = parameter(
        'raw',
        'How the image comes: raw is an Image on `image`; compressed a CompressedImage on the '
        'topic that `image` is remapped to with /compressed after it.',
        choices=IMAGE_TRANSPORTS,
        read_only=True,
    )
    ground_truth_transport: str = parameter(
        'raw',
        'How the measured depth comes: raw is an Image on `ground_truth`; compressedDepth, or '
        'compressed for plain 16-bit PNG, a CompressedImage on the topic that it is remapped to '
        'with the word after it.',
        choices=DEPTH_TRANSPORTS,
        read_only=True,
    )
    ground_truth_depth_unit: str = parameter(
        'mm',
        'Step of 16UC1 measured depth: mm, cm, 0.1mm, tum (5000/m), kitti (256/m), any other '
        'number of steps as `5000/m`, or metres as `0.0002`.',
        read_only=True,
    )
    ground_truth_registration: str = parameter(
        'auto',
        'Whether measured depth is registered to the image: auto goes by the frame ids, unless '
        '`ground_truth/camera_info` contradicts that of the image; registered believes it, '
        'unregistered reprojects always.',
        choices=('auto', 'registered', 'unregistered'),
        read_only=True,
    )
    ground_truth_pose: str = parameter(
        '',
        'Pose of the depth camera from the lens of the image, `x y z roll pitch yaw` in metres '
        "and radians along the cameras' body axes (x ahead along the optical axis, y left, z "
        'up), for depth that is not registered; empty takes it from TF.',
        read_only=True,
    )
    image_is_rectified: bool = parameter(
        True,
        'For depth that is not registered: true uses the projection matrix P of camera_info, '
        'false K and the lens distortion D.',
        read_only=True,
    )
    backlog_mb: int = parameter(
        256,
        'Messages that wait to be scored, at most; what comes beyond is counted but not scored.',
        unit='MB',
        minimum=16,
        maximum=65536,
        read_only=True,
    )
    save_period_s: float = parameter(
        10.0,
        'Time between two writings of summary.json during the run; rows of frames.csv are written '
        'as frames are scored.',
        unit='s',
        minimum=0.1,
        maximum=3600.0,
        read_only=True,
    )
    drain_s: float = parameter(
        3.0,
        'Of the end: how long what still waits is scored, at most. More needs a launch file that '
        'waits: `ros2 launch` kills a node 10 s after Ctrl-C unless told otherwise.',
        unit='s',
        minimum=0.0,
        maximum=600.0,
        read_only=True,
    )
    depth_node: str = parameter(
        'depth_node',
        'Name under which the depth node reports in /diagnostics.',
        read_only=True,
    )
    picture_every: int = parameter(
        10,
        'A picture (image, prediction, truth, error) is made of every n-th scored frame; '
        '0 makes none.',
        minimum=0,
        maximum=1000000,
        read_only=True,
    )

    def __post_init__(self) -> None:
        """
        Check what involves two parameters.

        :raises ConfigError: if the range of the ground truth is empty, its unit no unit or its
            pose no pose.
        """
        check_order(self, 'min_depth_m', 'max_depth_m')
        check_depth_unit(self, 'ground_truth_depth_unit')
        check_pose(self, 'ground_truth_pose')

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Return what tells of errors that metrics are asked for."""
        chosen = chosen_metrics(self.metrics)
        asked = {
            Doubt.SIGMA: of_sigma(chosen),
            Doubt.CONFIDENCE: any('sparsification' in METRICS[name].reads for name in chosen),
        }
        return tuple(kind for kind, wanted in asked.items() if wanted)

    @property
    def mounting(self) -> CameraMounting | None:
        """Return how the camera hangs, None where the parameters do not say."""
        if not self.camera_height_m:
            return None
        pitch_rad, roll_rad = map(math.radians, (self.camera_pitch_deg, self.camera_roll_deg))
        return CameraMounting(self.camera_height_m, pitch_rad, roll_rad)
