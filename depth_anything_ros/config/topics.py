"""What each node reads, writes and serves, as people read it: names, types, meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from depth_anything_ros.motion import MOTION_TOPICS
from depth_anything_ros.registry import Registry
from depth_anything_ros.scale import SCALE_SOURCES

_IMAGE = 'sensor_msgs/Image'
_COMPRESSED = 'sensor_msgs/CompressedImage'
_CAMERA_INFO = 'sensor_msgs/CameraInfo'
_DIAGNOSTICS = 'diagnostic_msgs/DiagnosticArray'
_TRIGGER = 'std_srvs/Trigger'


@dataclass(frozen=True)
class Topic:
    """
    Describe a topic or a service of a node.

    `name` is relative, or private with `~/`, as the node has it before remapping; `way` is
    `in`, `out` or `service`; `help` says what is in it and when it is there.
    """

    way: str
    name: str
    type: str
    help: str


def _references() -> Iterator[Topic]:
    """Return what scale sources and refinements declare that they measure with."""
    of_scale = chain.from_iterable(source.references for source in SCALE_SOURCES.values())
    for topic in (*of_scale, *MOTION_TOPICS):
        yield Topic('in', topic.name, topic.message.replace('/msg/', '/'), topic.help)
        for word, help_text in topic.transports.items():
            yield Topic(
                'in', f'{topic.name}/{word}', _COMPRESSED,
                f'instead of it, with that word as `{topic.transport}`: {help_text}',
            )  # fmt: skip
        if topic.camera_info:
            yield Topic(
                'in', topic.camera_info, _CAMERA_INFO,
                'of that depth, where it is not registered to the image',
            )  # fmt: skip


_TOPICS: Registry[tuple[Topic, ...]] = Registry('node', {
    'depth_node': (
        Topic(
            'in', 'image', _IMAGE,
            'rgb8, bgr8, rgba8, bgra8, their 16-bit kin, mono8, mono16, 8UC1/3/4, 16UC3/4, nv12, '
            'nv21, nv24, yuv422, yuv422_yuy2, uyvy, yuyv, bayer 8/16 bit; others through '
            'cv_bridge where it is installed',
        ),
        Topic(
            'in', 'image/compressed', _COMPRESSED,
            'JPEG, PNG, WebP or BMP, instead of `image`, with `image_transport:=compressed`',
        ),
        Topic(
            'in', 'camera_info', _CAMERA_INFO,
            'for clouds, scans and the ground; without it, or with K[0] = 0, depth still comes. '
            '`plumb_bob` and `rational_polynomial` with 4, 5, 8, 12 or 14 coefficients, '
            '`equidistant` with k1 k2 k3 k4 (longer lists only where they can be read in one way)',
        ),
        Topic(
            'out', '~/relative/image_raw', _IMAGE,
            '32FC1, inverse depth without unit, larger is nearer; not from a metric model',
        ),
        Topic(
            'out', '~/depth/image_raw', _IMAGE,
            '32FC1 metres with NaN, or 16UC1 millimetres with 0, where unknown (REP 118), at the '
            "image's size",
        ),
        Topic(
            'out', '~/depth/image_raw/compressedDepth', _COMPRESSED,
            'the same for Wi-Fi, as image_transport reads it: a PNG of the millimetres of 16UC1, '
            'or of the inverse depth of 32FC1 in steps of 1/10100 m, which keep depth z to '
            'z²/20200 m (5 mm at 10 m) from 0.155 m on; nearer is unknown',
        ),
        Topic(
            'out', '~/depth/camera_info', _CAMERA_INFO,
            'beside every depth image, where `camera_info` fits it; P and R that the driver left '
            'empty are K and identity',
        ),
        Topic(
            'out', '~/fused/image_raw', _IMAGE,
            'what a depth sensor measured with its holes filled, as `~/depth/image_raw`; with '
            '`depth_image` as a scale source',
        ),
        Topic(
            'out', '~/fused/image_raw/compressedDepth', _COMPRESSED,
            'the same, as `~/depth/image_raw/compressedDepth`',
        ),
        Topic(
            'out', '~/fused/source', _IMAGE,
            'mono8, where each pixel of it comes from: 0 unknown, 1 measured, 2 filled, 3 beyond '
            'what was measured',
        ),
        Topic('out', '~/fused/camera_info', _CAMERA_INFO, 'beside every fused depth'),
        Topic(
            'out', '~/sigma/image_raw', _IMAGE,
            '32FC1 metres, one standard deviation of the depth that `cloud_from` names, NaN where '
            'that is unknown',
        ),
        Topic(
            'out', '~/confidence/image_raw', _IMAGE,
            '32FC1 in 0..1, how sure the network is of its depth, NaN where unknown: of Depth '
            'Anything 3 and VGGT what they tell, c = 1 + exp(x), as 1 − 1 / c; with '
            '`confidence:=flip` of any model how well its depth agrees with that of the mirrored '
            'image',
        ),
        Topic(
            'out', '~/points', 'sensor_msgs/PointCloud2',
            'organised, x y z rgb, NaN where unknown or left out by `max_sigma` or '
            '`ground_sigmas`; of `cloud_from`. With `cloud_voxel_m` one row of known points, with '
            '`cloud_max_hz` not of each image',
        ),
        Topic(
            'out', '~/scan', 'sensor_msgs/LaserScan',
            'the nearest thing in each direction within a band of heights, NaN where nothing is '
            'known or what is known is left out by `max_sigma` or `ground_sigmas`; for robots '
            'without a laser; of `cloud_from`',
        ),
        Topic('out', '~/preview/image_raw', _IMAGE, 'rgb8, depth in colours'),
        Topic(
            'out', '~/preview/image_raw/compressed', _COMPRESSED,
            'the same as JPEG, of `preview_jpeg_quality`',
        ),
        Topic(
            'out', '~/scale', _DIAGNOSTICS,
            'state (fitted, held, stale), source, scale, shift, points, inlier_ratio, residual in '
            '1/m (of depth up to scale and shift, as a share of it) and as residual_cm_at_2m, '
            'age_s, and no_fit_reason of the frame in the header; '
            'level WARN while held or stale, ERROR without any scale',
        ),
        Topic(
            'out', '/diagnostics', _DIAGNOSTICS,
            'state, counts, rate, stage times, model and weights',
        ),
        Topic(
            'service', '~/save_cloud', _TRIGGER,
            'writes a PLY file into `cloud_dir` and answers its path',
        ),
    ),
    'evaluator_node': (
        Topic('in', 'image', _IMAGE, 'the image that the depth node reads'),
        Topic('in', 'image/compressed', _COMPRESSED, 'with `image_transport:=compressed`'),
        Topic('in', 'camera_info', _CAMERA_INFO, 'of the image'),
        Topic('in', 'relative', _IMAGE, 'inverse depth of the depth node'),
        Topic('in', 'depth', _IMAGE, 'metric depth of the depth node'),
        Topic(
            'in', 'sigma', _IMAGE,
            'uncertainty of that depth, `~/sigma/image_raw` of the depth node; with `sigma` in '
            '`metrics` only',
        ),
        Topic(
            'in', 'confidence', _IMAGE,
            'how sure the network is, `~/confidence/image_raw` of the depth node; with `ause` or '
            '`aurg` in `metrics` only',
        ),
        Topic('in', 'ground_truth', _IMAGE, 'measured depth'),
        Topic(
            'in', 'ground_truth/compressedDepth', _COMPRESSED,
            'with that word as `ground_truth_transport`',
        ),
        Topic(
            'in', 'ground_truth/compressed', _COMPRESSED,
            'with that word as `ground_truth_transport`',
        ),
        Topic(
            'in', 'ground_truth/camera_info', _CAMERA_INFO,
            'of the measured depth, where it is not registered to the image',
        ),
        Topic('in', '/diagnostics', _DIAGNOSTICS, 'stage times and model of the depth node'),
        Topic('in', 'scale', _DIAGNOSTICS, 'scale of each frame, `~/scale` of the depth node'),
        Topic('service', '~/save', _TRIGGER, 'writes `summary.json` and `report.html` now'),
    ),
    'bag_player': (
        Topic(
            'in', 'prediction', _IMAGE,
            'what lockstep waits for before it plays the next frame',
        ),
        Topic('out', '/clock', 'rosgraph_msgs/Clock', 'the recorded time, with `publish_clock`'),
    ),
})  # fmt: skip

NODES_WITH_TOPICS = tuple(_TOPICS)


def node_topics(node: str) -> tuple[Topic, ...]:
    """
    Return the topics and services of a node; scale sources that come later count too.

    :raises UnknownNameError: if there is no node of that name.
    """
    topics = _TOPICS[node]
    if node != 'depth_node':
        return topics
    inputs = sum(topic.way == 'in' for topic in topics)
    return (*topics[:inputs], *_references(), *topics[inputs:])


def topic_table(node: str) -> str:
    """
    Return the topics and services of a node as a Markdown table, one row each.

    :raises UnknownNameError: if there is no node of that name.
    """
    rows = [
        f'| {topic.way} | `{topic.name}` | {topic.type} | {topic.help} |'
        for topic in node_topics(node)
    ]
    return '\n'.join(('| | topic | type | what |', '| --- | --- | --- | --- |', *rows))
