"""Every message that reaches a node gives what its reader promises, or an error in one line."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hostile_messages import (
    FLOATS,
    SCANS,
    STATUSES,
    camera_infos,
    compressed_depths,
    compressed_images,
    images,
)
from hypothesis import strategies as st

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, optical_pose
from depth_anything_ros.messages import (
    KNOWN_DEPTH_ENCODINGS,
    KNOWN_ENCODINGS,
    camera_from_message,
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
    decode_inverse_depth,
    decode_scan,
)
from depth_anything_ros.motion import MotionConfig, PoseHistory
from depth_anything_ros.motion.topics import OdometryIntake
from depth_anything_ros.refinement import TemporalFilter
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.scale.smoothing import AlignmentTracker
from depth_anything_ros.types import (
    Alignment,
    Camera,
    DepthReference,
    Frame,
    MetricDepth,
    RelativeInverseDepth,
    ScaleState,
)

SHAPE = (24, 32)
RELATIVE = RelativeInverseDepth(
    np.linspace(0.1, 2.0, 24 * 32, dtype=np.float32).reshape(SHAPE).copy()
)

# Ten thousand cases of one generator take minutes on a busy machine.
pytestmark = pytest.mark.timeout(1800)


def assert_rgb(pixels):
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.size > 0


def assert_metres(depth_m):
    assert depth_m.dtype == np.float32
    assert depth_m.ndim == 2
    known = depth_m[~np.isnan(depth_m)]
    assert np.all(known > 0)
    assert np.all(np.isfinite(known))


def assert_alignment(alignment):
    numbers = (alignment.scale, alignment.shift, alignment.residual, *alignment.covariance)
    assert all(map(math.isfinite, numbers))
    assert alignment.scale > 0


def test_images_become_rgb_or_an_error(attack):
    def check(message):
        pixels = decode_image(message)
        assert_rgb(pixels)
        assert pixels.shape[:2] == (message.height, message.width)

    attack('Image, colour', images(KNOWN_ENCODINGS), check)


def test_depth_images_become_metres_or_an_error(attack):
    attack(
        'Image, depth',
        images(KNOWN_DEPTH_ENCODINGS),
        lambda message: assert_metres(decode_depth(message)),
    )


def test_inverse_depth_keeps_its_numbers_or_is_an_error(attack):
    def check(message):
        values = decode_inverse_depth(message)
        assert values.shape == (message.height, message.width)
        assert values.dtype == np.float32

    attack('Image, inverse depth', images(('32FC1',)), check)


def test_compressed_images_become_rgb_or_an_error(attack):
    attack(
        'CompressedImage, colour',
        compressed_images(),
        lambda message: assert_rgb(decode_compressed(message)),
    )


def test_compressed_depth_becomes_metres_or_an_error(attack):
    attack(
        'CompressedImage, depth',
        compressed_depths(),
        lambda message: assert_metres(decode_compressed_depth(message)),
    )


def test_calibrations_give_a_finite_cloud_or_an_error(attack):
    metric = MetricDepth(np.full(SHAPE, 2.0, np.float32))
    rgb = np.zeros((*SHAPE, 3), np.uint8)

    def check(pair):
        message, rectified = pair
        camera = require_calibrated(camera_from_message(message, rectified), *SHAPE)
        cloud = build_point_cloud(metric, rgb, camera)
        assert not np.isinf(cloud.xyz_m).any()
        known = np.isfinite(cloud.xyz_m).all(axis=-1)
        np.testing.assert_array_equal(cloud.xyz_m[known][:, 2], 2.0)

    attack('CameraInfo', st.tuples(camera_infos(), st.booleans()), check)


def test_scans_give_a_sane_scale_or_an_error(attack):
    camera = Camera(32, 24, 30.0, 30.0, 16.0, 12.0)
    place = optical_pose('0 0 0 0 0 0')

    def check(message):
        scan = decode_scan(message)
        source = LaserScanScale(0.1, 10.0, 1e12, 0.15)
        source.add_scan(scan, place)
        assert_alignment(source.align(RELATIVE, scan.stamp_ns, camera))

    attack('LaserScan', SCANS, check)


def test_odometry_gives_sane_depth_or_an_error(attack):
    camera = Camera(32, 24, 30.0, 30.0, 15.5, 11.5)
    rgb, depth_m = np.full((24, 32, 3), 90, np.uint8), np.full((24, 32), 2.0, np.float32)
    around = SimpleNamespace(place=lambda frame_id, pose, cure: OPTICAL_FROM_BODY)
    none = SimpleNamespace(x=0.0, y=0.0, z=0.0)
    still = SimpleNamespace(linear=none, angular=none)

    def check(numbers):
        poses, intake = PoseHistory(), OdometryIntake()
        step = TemporalFilter(0.3, poses)
        for second, place in enumerate((numbers[:7], numbers[7:])):
            stamp = SimpleNamespace(sec=second, nanosec=0)
            pose = SimpleNamespace(
                position=SimpleNamespace(**dict(zip('xyz', place, strict=False))),
                orientation=SimpleNamespace(**dict(zip('xyzw', place[3:], strict=True))),
            )
            message = SimpleNamespace(
                header=SimpleNamespace(stamp=stamp, frame_id='odom'),
                child_frame_id='base_link',
                pose=SimpleNamespace(pose=pose),
                twist=SimpleNamespace(twist=still),
            )
            intake.take(poses, message, MotionConfig(), around)
            frame = Frame(rgb, second * 10**9, 'camera', camera)
            found = step(MetricDepth(depth_m), frame).depth_m
            assert_metres(found)
            np.testing.assert_allclose(found, depth_m, rtol=0.01)

    turned = st.sampled_from(((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 0.0), (0.5, 0.5, 0.5, 0.5)))
    turned |= st.tuples(FLOATS, FLOATS, FLOATS, FLOATS)
    place = st.tuples(FLOATS, FLOATS, FLOATS, turned).map(lambda found: [*found[:3], *found[3]])
    attack('Odometry', st.tuples(place, place).map(lambda two: two[0] + two[1]), check)


def test_references_give_a_sane_scale_or_an_error(attack):
    values = st.lists(FLOATS, min_size=12, max_size=12)
    shapes = st.sampled_from(((24, 32), (12, 16), (1, 1), (24, 1), (48, 64), (23, 32)))

    def check(case):
        numbers, shape = case
        with np.errstate(over='ignore'):
            depth_m = np.resize(np.array(numbers, np.float32), shape)
        source = DepthImageScale(0.1, 10.0, 0.1)
        source.add_reference(DepthReference(depth_m, 5))
        assert_alignment(source.align(RELATIVE, 5))

    attack('reference depth', st.tuples(values, shapes), check)


def test_time_of_any_kind_leaves_no_false_state(attack):
    """Whatever the stamps do, depth that is older than the expiry is never given as fresh."""
    expiry_ns = 2_000_000_000
    steps = st.lists(
        st.tuples(
            st.one_of(
                st.integers(0, 4_000_000_000),
                st.sampled_from((0, 1, 2**62)),
                st.integers(-(2**62), 2**62),
            ),
            st.booleans(),
        ),
        max_size=12,
    )

    def check(events):
        tracker = AlignmentTracker(0.5, expiry_ns * 1e-9, 0.3)
        fitted_ns = None
        for stamp_ns, fits in events:
            if fits:
                fit = Alignment(1.0, 0.1, 'test', 100, 1.0, 0.01, stamp_ns, (1e-4, 0.0, 1e-4))
                try:
                    tracker.update(fit, stamp_ns)
                except AlignmentError:
                    fits = False
                else:
                    fitted_ns = stamp_ns
            else:
                tracker.update(None, stamp_ns)
            alignment = tracker.current(stamp_ns)
            state = tracker.state(stamp_ns, fitted=fits)
            if fits:
                assert state is ScaleState.FITTED
            if alignment is None:
                assert state is None
                continue
            assert_alignment(alignment)
            assert 0 <= stamp_ns - fitted_ns <= expiry_ns
            if not fits:
                assert state is ScaleState.HELD

    attack('stamps', steps, check)


def test_diagnostics_of_anybody_are_read_or_refused(attack):
    from depth_anything_ros.nodes.diagnostics import to_dict
    from depth_anything_ros.nodes.node_report import read_report

    def check(status):
        report = read_report(to_dict(status))
        assert report.rejected >= 0
        for values in report.stages_ms.values():
            assert all(value is None or math.isfinite(value) for value in values.values())

    attack('DiagnosticArray', STATUSES, check)
