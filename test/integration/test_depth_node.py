"""The depth node as a process: outputs, bad input, parameters, lifecycle."""

import itertools
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from node_world import QUICK
from rcl_interfaces.srv import GetParameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from std_srvs.srv import Trigger

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.geometry.flying_pixels import flying_pixels
from depth_anything_ros.messages import decode_any_depth, decode_any_image, stamp_ns
from depth_anything_ros.parameters import parameter_infos
from depth_anything_ros.refinement import EdgeFilter, TemporalFilter
from depth_anything_ros.types import Frame, MetricDepth, RelativeInverseDepth

NODE = '/depth_node'
RELATIVE, DEPTH = f'{NODE}/relative/image_raw', f'{NODE}/depth/image_raw'
INFO, POINTS = f'{NODE}/depth/camera_info', f'{NODE}/points'
PREVIEW, SCALE = f'{NODE}/preview/image_raw', f'{NODE}/scale'
SCAN, SIGMA = f'{NODE}/scan', f'{NODE}/sigma/image_raw'
CONFIDENCE = f'{NODE}/confidence/image_raw'
COMPRESSED_DEPTH, COMPRESSED_PREVIEW = f'{DEPTH}/compressedDepth', f'{PREVIEW}/compressed'
TYPES = {
    RELATIVE: Image,
    DEPTH: Image,
    INFO: CameraInfo,
    POINTS: PointCloud2,
    PREVIEW: Image,
    SCAN: LaserScan,
    SCALE: DiagnosticArray,
    SIGMA: Image,
    CONFIDENCE: Image,
    COMPRESSED_DEPTH: CompressedImage,
    COMPRESSED_PREVIEW: CompressedImage,
}
PARAMETERS = {**QUICK, 'scale_source': 'fixed', 'fixed_shift': 0.5}


@pytest.fixture(scope='module')
def node(module_world, tmp_path_factory):
    clouds = tmp_path_factory.mktemp('clouds')
    return module_world.start('depth_node', {**PARAMETERS, 'cloud_dir': clouds})


@pytest.fixture
def probe(module_world, node, camera):
    made = module_world.probe()
    made.publisher(Image, 'image')
    made.publisher(CameraInfo, 'camera_info')
    made.await_subscribers('image', 'camera_info')
    yield made
    assert node.running(), node.output()
    made.close()


def send(probe, camera, topics, image=None, info=True):
    """Send one frame and return its image and the first message of each topic."""
    for topic in topics:
        if topic not in probe.received:
            probe.listen(TYPES[topic], topic)
            probe.spin_until(lambda topic=topic: probe.node.count_publishers(topic) > 0)
            probe.spin(0.5)
    if info:
        probe.publish('camera_info', camera.info() if info is True else info)
        probe.spin(0.1)
    image = image or camera.image()
    probe.publish('image', image)

    def answer(topic):
        found = [item for item in probe.received[topic] if item.header.stamp == image.header.stamp]
        return found[0] if found else None

    probe.spin_until(lambda: all(answer(topic) for topic in topics))
    return image, {topic: answer(topic) for topic in topics}


def send_again(probe, image, topics):
    """Send a frame once more and return the next message of each topic."""
    counts = {topic: len(probe.received[topic]) for topic in topics}
    probe.publish('image', image)
    probe.spin_until(lambda: all(len(probe.received[topic]) > counts[topic] for topic in topics))
    return {topic: probe.received[topic][-1] for topic in topics}


def as_array(message, dtype):
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width, -1)


def test_every_output_carries_the_header_and_the_size_of_the_image(probe, camera):
    # This network tells no confidence.
    image, outputs = send(probe, camera, [topic for topic in TYPES if topic != CONFIDENCE])
    assert all(output.header.stamp == image.header.stamp for output in outputs.values())
    del outputs[SCAN]
    assert all(output.header == image.header for output in outputs.values())
    relative = as_array(outputs[RELATIVE], np.float32)[..., 0]
    depth_m = as_array(outputs[DEPTH], np.float32)[..., 0]
    assert (outputs[RELATIVE].encoding, outputs[DEPTH].encoding) == ('32FC1', '32FC1')
    assert depth_m.shape == (48, 64)
    np.testing.assert_allclose(depth_m, 1 / (relative + 0.5), rtol=1e-5)
    expected_info = camera.info()
    expected_info.header = image.header
    assert outputs[INFO] == expected_info
    assert (outputs[PREVIEW].encoding, outputs[PREVIEW].step) == ('rgb8', 3 * 64)
    scale = {pair.key: pair.value for pair in outputs[SCALE].status[0].values}
    assert (scale['source'], scale['scale'], scale['shift']) == ('fixed', '1', '0.5')


def test_the_cloud_is_organised_coloured_and_in_the_optical_frame(probe, camera):
    image, outputs = send(probe, camera, (DEPTH, POINTS))
    cloud, depth_m = outputs[POINTS], as_array(outputs[DEPTH], np.float32)[..., 0]
    assert [field.name for field in cloud.fields] == ['x', 'y', 'z', 'rgb']
    assert (cloud.height, cloud.width, cloud.point_step) == (48, 64, 16)
    assert not cloud.is_dense
    row, column = 10, 50
    x, y, z, colour = struct.unpack_from('<fffI', cloud.data, row * cloud.row_step + column * 16)
    assert z == pytest.approx(depth_m[row, column])
    assert x == pytest.approx((column - 32) / 60 * z, rel=1e-5)
    assert y == pytest.approx((row - 24) / 60 * z, rel=1e-5)
    red, green, blue = as_array(image, np.uint8)[row, column].tolist()
    assert colour == red << 16 | green << 8 | blue


def test_the_scan_is_that_of_the_depth_in_the_frame_that_looks_ahead(probe, camera):
    _, outputs = send(probe, camera, (DEPTH, SCAN))
    scan, depth_m = outputs[SCAN], as_array(outputs[DEPTH], np.float32)[..., 0]
    assert scan.header.frame_id == 'camera_color_frame'
    assert (len(scan.ranges), scan.range_max) == (64, 20.0)
    ranges_m = np.array(scan.ranges)
    # A beam is never nearer than the nearest pixel, nor farther than the farthest at the edge.
    assert np.nanmin(ranges_m) >= depth_m.min()
    assert np.nanmax(ranges_m) <= depth_m.max() / np.cos(scan.angle_max)


def test_what_nobody_listens_to_is_not_computed(probe, camera):
    before = probe.diagnostics()
    assert before['watched'] == 'False'
    for _ in range(3):
        probe.publish('image', camera.image())
        probe.spin(0.2)
    after = probe.diagnostics()
    counts = [
        int(after['frames'][name]) - int(before['frames'][name])
        for name in ('received', 'unwatched', 'processed')
    ]
    assert counts == [3, 3, 0]
    send(probe, camera, (RELATIVE,))
    processed = int(after['frames']['processed']) + 1
    probe.spin_until(lambda: int(probe.diagnostics()['frames']['processed']) == processed)
    published = probe.diagnostics()['published']
    assert {
        name: int(count) - int(after.get('published', {}).get(name, 0))
        for name, count in published.items()
    } == {name: int(name == 'relative/image_raw') for name in published}


def test_uncertainty_is_computed_while_somebody_asks_for_it(probe, camera):
    def told():
        report = probe.diagnostics()
        return float(report.get('sigma', {}).get('median_share', 'nan')), report['message']

    def silent():
        # Frames go on until the node knows that nobody listens.
        send(probe, camera, (DEPTH,))
        share, message = told()
        return np.isnan(share) and 'sigma' not in message

    for _ in range(2):
        image, outputs = send(probe, camera, (DEPTH, SIGMA))
        assert outputs[SIGMA].header == image.header and outputs[SIGMA].encoding == '32FC1'
        sigma, depth_m = (as_array(outputs[topic], np.float32) for topic in (SIGMA, DEPTH))
        np.testing.assert_array_equal(np.isfinite(sigma), np.isfinite(depth_m))
        probe.spin_until(lambda: np.isfinite(told()[0]))
        share, message = told()
        assert share == pytest.approx(np.nanmedian(sigma / depth_m), rel=0.1)
        # Nothing is known of the errors of random weights.
        assert 'sigma goes by a generic table' in message
        probe.ignore(SIGMA)
        del probe.received[SIGMA]
        probe.spin_until(silent)


def test_confidence_goes_by_the_mirrored_image_and_is_computed_for_who_asks(probe, camera):
    send(probe, camera, (RELATIVE,))
    assert 'flip' not in probe.diagnostics()['stages_ms']
    probe.listen(Image, CONFIDENCE)
    told = 'no confidence: the model tells no confidence of its own'

    def untold():
        send(probe, camera, (RELATIVE,))
        return told in probe.diagnostics()['message']

    probe.spin_until(untold)
    assert not probe.received[CONFIDENCE]
    (result,) = probe.set_parameters(NODE, confidence='flip')
    assert result.successful
    image, outputs = send(probe, camera, (RELATIVE, CONFIDENCE))
    sure, values = (as_array(outputs[topic], np.float32) for topic in (CONFIDENCE, RELATIVE))
    assert outputs[CONFIDENCE].header == image.header
    assert outputs[CONFIDENCE].encoding == '32FC1'
    known = np.isfinite(sure)
    assert known.mean() > 0.1
    assert 0 <= sure[known].min() < sure[known].max() <= 1
    assert (values[known] > 0).all()
    probe.spin_until(lambda: told not in probe.diagnostics()['message'])
    assert 'flip' in probe.diagnostics()['stages_ms']
    probe.ignore(CONFIDENCE)
    probe.set_parameters(NODE, confidence='model')


def truncated(camera):
    image = camera.image()
    image.data = image.data[:-5]
    return image


def unknown_encoding(camera):
    image = camera.image()
    image.encoding = 'nv99'
    return image


def no_pixels(camera):
    image = camera.image()
    image.height = image.width = image.step = 0
    image.data = image.data[:0]
    return image


def one_line(camera):
    return camera.image(np.zeros((1, 4096, 3), np.uint8))


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (truncated, '9211 bytes'),
        (unknown_encoding, "'nv99'"),
        (no_pixels, '0x0'),
        (one_line, '4096'),
    ],
)
def test_a_bad_image_is_counted_shown_and_survived(probe, camera, make, words):
    send(probe, camera, (RELATIVE,))
    before = int(probe.diagnostics()['frames']['rejected'])
    probe.publish('image', make(camera))
    probe.spin_until(lambda: int(probe.diagnostics()['frames']['rejected']) == before + 1)
    report = probe.diagnostics()
    assert words in report['last_error']
    assert report['level'] == DiagnosticStatus.WARN
    assert report['last_error'] in report['message']
    send(probe, camera, (RELATIVE,))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda info: setattr(info, 'k', [0.0] * 9), 'uncalibrated'),
        (lambda info: setattr(info, 'width', 320), '320x48'),
        (lambda info: (setattr(info, 'width', 7000), setattr(info, 'height', 7000)), '7000x7000'),
        (lambda info: setattr(info, 'p', [1e-30, *info.p[1:]]), 'focal length 1e-30 px'),
    ],
)
def test_a_camera_info_that_does_not_fit_gives_depth_and_no_cloud(probe, camera, change, words):
    bad = camera.info()
    change(bad)
    clouds = probe.listen(PointCloud2, POINTS)

    def told():
        # An image may be taken before the camera_info that was sent before it.
        send(probe, camera, (DEPTH,), info=bad)
        return words in probe.diagnostics()['no_camera_reason']

    probe.spin_until(told)
    assert words in probe.diagnostics()['message']
    count = len(clouds)
    send(probe, camera, (DEPTH,), info=bad)
    assert len(clouds) == count
    send(probe, camera, (POINTS,))
    assert probe.diagnostics()['no_camera_reason'] == ''


def test_a_camera_info_without_p_and_r_is_published_with_those_of_k(probe, camera):
    bare = camera.info()
    bare.p, bare.r = [0.0] * 12, [0.0] * 9
    image, outputs = send(probe, camera, (INFO, POINTS), info=bare)
    expected = camera.info()  # its P is its K
    expected.header = image.header
    assert outputs[INFO] == expected


def test_only_the_latest_image_is_processed_and_the_others_are_counted(probe, camera):
    send(probe, camera, (RELATIVE, POINTS))
    before = probe.diagnostics()['frames']
    wide = np.zeros((480, 640, 3), np.uint8)
    images = [camera.image(wide) for _ in range(12)]
    for image in images:
        probe.publish('image', image)

    def is_last_answered():
        last = probe.received[RELATIVE][-1]
        return last.header.stamp == images[-1].header.stamp

    probe.spin_until(is_last_answered)
    after = probe.diagnostics()['frames']
    counts = {name: int(after[name]) - int(before[name]) for name in after}
    assert counts['received'] <= 12
    assert counts['dropped'] > 0
    assert counts['processed'] + counts['dropped'] == counts['received']
    order = [
        item.header.stamp.nanosec + item.header.stamp.sec * 10**9
        for item in probe.received[RELATIVE]
    ]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'preview_colormap': 'jet'}, 'Spectral_r, viridis'),
        ({'model': 'midas'}, 'known: tiny, depth_anything_v2_vits'),
        ({'input_size': 57}, 'multiple of the patch 14'),
        ({'checkpoint': '/nowhere/x.pth'}, '/nowhere/x.pth'),
        ({'cloud_stride': 0}, '1'),
        ({'autostart': False}, 'read-only'),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_reason(probe, values, words):
    (result,) = probe.set_parameters(NODE, **values)
    assert not result.successful
    assert words in result.reason


def test_cloud_depth_and_preview_parameters_take_effect_at_once(probe, camera):
    changed = {'cloud_stride': 4, 'depth_encoding': '16UC1', 'preview_colormap': 'viridis'}
    assert all(result.successful for result in probe.set_parameters(NODE, **changed))
    _, outputs = send(probe, camera, (DEPTH, POINTS, RELATIVE, PREVIEW))
    assert (outputs[POINTS].height, outputs[POINTS].width) == (12, 16)
    relative = as_array(outputs[RELATIVE], np.float32)[..., 0]
    assert outputs[DEPTH].encoding == '16UC1'
    depth_mm = as_array(outputs[DEPTH], np.uint16)[..., 0]
    assert np.abs(depth_mm - np.rint(1000 / (relative + 0.5))).max() <= 1
    shown = as_array(outputs[PREVIEW], np.uint8)
    np.testing.assert_array_equal(shown, apply_colormap(relative, 'viridis'))
    default = {'cloud_stride': 1, 'depth_encoding': '32FC1', 'preview_colormap': 'Spectral_r'}
    assert all(result.successful for result in probe.set_parameters(NODE, **default))


def test_compressed_outputs_say_what_the_raw_ones_do_and_their_time_is_told(probe, camera):
    def published():
        counts = probe.diagnostics().get('published', {})
        return int(counts.get('depth/image_raw/compressedDepth', 0))

    before = published()
    _, outputs = send(probe, camera, (DEPTH, PREVIEW, COMPRESSED_DEPTH, COMPRESSED_PREVIEW))
    depth, preview = outputs[COMPRESSED_DEPTH], outputs[COMPRESSED_PREVIEW]
    assert (depth.format, preview.format) == (
        '32FC1; compressedDepth png', 'rgb8; jpeg compressed bgr8',
    )  # fmt: skip
    assert depth.header == preview.header == outputs[DEPTH].header
    depth_m = decode_any_depth(outputs[DEPTH])
    assert (np.abs(decode_any_depth(depth) - depth_m) <= depth_m**2 / 20200 * 1.01).all()
    shown = as_array(outputs[PREVIEW], np.uint8)
    own = np.frombuffer(cv2.imencode('.jpg', shown[..., ::-1])[1], np.uint8)
    np.testing.assert_array_equal(decode_any_image(preview), cv2.imdecode(own, 1)[..., ::-1])
    probe.spin_until(lambda: published() == before + 1)
    assert float(probe.diagnostics()['stages_ms']['compress']['max']) > 0


def test_a_cloud_for_wifi_is_thinned_and_rare_from_one_frame_to_the_next(probe, camera):
    _, outputs = send(probe, camera, (DEPTH, POINTS))
    assert outputs[POINTS].height == 48
    refused, *taken = probe.set_parameters(NODE, cloud_voxel_m=1e-4, cloud_max_hz=0.01)
    assert not refused.successful and 'allowed: 0, which keeps' in refused.reason
    results = probe.set_parameters(NODE, cloud_voxel_m=0.5)
    assert [result.successful for result in (*taken, *results)] == [True, True]
    (count,) = {len(probe.received[POINTS])}
    for _ in range(3):
        send(probe, camera, (DEPTH,))
    probe.spin(0.3)
    default = probe.set_parameters(NODE, cloud_voxel_m=0.0, cloud_max_hz=0.0)
    assert all(result.successful for result in default)
    (cloud,) = probe.received[POINTS][count:]
    assert cloud.height == 1 and cloud.is_dense and 0 < cloud.width < 48 * 64 / 4
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)
    cubes = np.floor(points[:, :3] / 0.5)
    assert len(np.unique(cubes, axis=0)) == cloud.width


@pytest.fixture
def options(probe):
    """Set parameters of the node, and put the defaults back at the end."""
    defaults = {}

    def set_options(**values):
        known = parameter_infos(DepthNodeConfig)
        defaults.update({name: known[name][0] for name in values})
        assert all(result.successful for result in probe.set_parameters(NODE, **values))

    yield set_options
    probe.set_parameters(NODE, **defaults)


def test_flip_augmentation_averages_with_the_mirror_image(probe, camera, options):
    rgb = as_array(camera.image(), np.uint8).copy()

    def relative(pixels):
        _, outputs = send(probe, camera, (RELATIVE,), camera.image(pixels))
        return as_array(outputs[RELATIVE], np.float32)[..., 0]

    plain, turned = relative(rgb), relative(rgb[:, ::-1])[:, ::-1]
    options(flip_augmentation=True)
    spread = np.ptp(plain)
    np.testing.assert_allclose(relative(rgb), (plain + turned) / 2, atol=1e-4 * spread)
    assert np.abs(plain - turned).max() > 1e-2 * spread
    assert float(probe.diagnostics()['stages_ms']['flip']['p50']) > 0


def test_edge_filter_and_smoothing_over_time_take_effect_and_are_timed(probe, camera, options):
    first = as_array(camera.image(), np.uint8).copy()
    images = [camera.image(pixels) for pixels in (first, np.minimum(first, 250) + 2)]
    plain = [send(probe, camera, (RELATIVE, DEPTH), image)[1] for image in images]
    options(edge_filter_px=4, temporal_smoothing_s=0.5)
    # The very same frames again: the second is smoothed with the first.
    found = [send_again(probe, image, (RELATIVE, DEPTH)) for image in images]
    edges, steady = EdgeFilter(4), TemporalFilter(0.5)
    for image, before, after in zip(images, plain, found, strict=True):
        frame = Frame(as_array(image, np.uint8), stamp_ns(image.header), 'camera')
        raw = RelativeInverseDepth(as_array(before[RELATIVE], np.float32)[..., 0].copy())
        filtered = edges(raw, frame).values
        relative = as_array(after[RELATIVE], np.float32)[..., 0]
        np.testing.assert_allclose(relative, filtered, rtol=1e-4)
        assert np.abs(relative - raw.values).max() > 1e-3 * np.ptp(raw.values)
        depth_m = steady(MetricDepth(1 / (filtered + np.float32(0.5))), frame).depth_m
        published_m = as_array(after[DEPTH], np.float32)[..., 0]
        np.testing.assert_allclose(published_m, depth_m, rtol=1e-4)
    stages_ms = probe.diagnostics()['stages_ms']
    assert float(stages_ms['edge_filter']['p50']) > 0
    assert float(stages_ms['temporal_filter']['p50']) > 0


def test_flying_pixels_leave_the_cloud_and_not_the_depth(probe, camera, options):
    image, outputs = send(probe, camera, (DEPTH, POINTS))
    depth_m = as_array(outputs[DEPTH], np.float32)[..., 0].copy()
    jump = 0.003
    flying = flying_pixels(MetricDepth(depth_m), jump)
    assert 0.01 < flying.mean() < 0.99
    options(cloud_edge_jump=jump)
    outputs = send_again(probe, image, (DEPTH, POINTS))
    points = as_array(outputs[POINTS], np.float32)
    np.testing.assert_array_equal(np.isnan(points[..., 2]), flying)
    np.testing.assert_array_equal(as_array(outputs[DEPTH], np.float32)[..., 0], depth_m)


def test_metres_come_from_a_reference_depth_image(node, probe, camera):
    """The reference is made of the network's own output, so that scale and shift are known."""
    rgb = as_array(camera.image(), np.uint8).copy()
    _, outputs = send(probe, camera, (RELATIVE,), camera.image(rgb))
    relative = as_array(outputs[RELATIVE], np.float32)[..., 0]
    scale = 1.7 / float(relative.max() - relative.min())
    shift = 0.3 - scale * float(relative.min())
    reference_m = 1 / (scale * relative + shift)
    assert probe.set_parameters(NODE, scale_source='depth_image')[0].successful
    reference = probe.publisher(Image, 'reference/depth')
    probe.await_subscribers('reference/depth', 'image', 'camera_info')
    probe.listen(Image, DEPTH)
    probe.spin_until(lambda: probe.node.count_publishers(DEPTH) > 0)
    probe.spin(0.5)
    send(probe, camera, (RELATIVE,), camera.image(rgb))
    report = probe.diagnostics()
    assert report['no_metric_reason'] == 'no reference depth received yet'
    assert report['no_metric_reason'] in report['message']
    assert 'not published: ~/depth/image_raw: no reference depth received yet' in node.output()
    image = camera.image(rgb)
    reference.publish(camera.depth(image, np.rint(1000 * reference_m)))
    probe.spin(0.3)
    _, outputs = send(probe, camera, (DEPTH, SCALE), image)
    depth_m = as_array(outputs[DEPTH], np.float32)[..., 0]
    np.testing.assert_allclose(depth_m, reference_m, rtol=0.01)
    found = {pair.key: pair.value for pair in outputs[SCALE].status[0].values}
    assert found['source'] == 'depth_image'
    assert float(found['scale']) == pytest.approx(scale, rel=0.01)
    assert float(found['inlier_ratio']) > 0.95
    unknown = camera.depth(image)
    unknown.encoding = 'nv99'
    reference.publish(unknown)
    probe.spin_until(lambda: probe.diagnostics()['references']['rejected'] == '1')
    assert "'nv99'" in probe.diagnostics()['message']
    # A cloud is saved with a scale of its own time though nobody subscribes.
    probe.ignore(RELATIVE, DEPTH, SCALE)
    probe.spin_until(lambda: probe.diagnostics()['watched'] == 'False')
    image = camera.image(rgb)
    camera.stamp(image, 1_800_000_000_000_000_000)
    reference.publish(camera.depth(image, np.rint(1000 * reference_m)))
    probe.publish('image', image)
    probe.spin(0.5)
    response = probe.call(Trigger, f'{NODE}/save_cloud')
    assert response.success, response.message
    for topic in (RELATIVE, DEPTH, SCALE):
        del probe.received[topic]
    assert probe.set_parameters(NODE, scale_source='fixed')[0].successful
    probe.await_subscribers('image', 'camera_info')


def test_metres_come_from_a_laser_scan(node, probe, camera):
    """The scan is made of the network's own output along the row of its plane."""
    rgb = as_array(camera.image(), np.uint8).copy()
    _, outputs = send(probe, camera, (RELATIVE,), camera.image(rgb))
    relative = as_array(outputs[RELATIVE], np.float32)[..., 0]
    row = relative[24]
    scale = 1.7 / float(row.max() - row.min())
    shift = 0.3 - scale * float(row.min())
    values = {
        'scale_source': 'laser_scan',
        'laser_pose': '0 0 0 0 0 0',
        'reference_min_depth_m': 0.1,
    }
    assert all(result.successful for result in probe.set_parameters(NODE, **values))
    probe.publisher(LaserScan, 'scan')
    probe.await_subscribers('scan', 'image', 'camera_info')
    image = camera.image(rgb)
    scan = LaserScan(header=image.header, angle_min=-0.45, angle_increment=0.005)
    scan.range_min, scan.range_max = 0.05, 50.0
    angles = scan.angle_min + scan.angle_increment * np.arange(181)
    columns = np.rint(32 - 60 * np.tan(angles)).astype(int).clip(0, 63)
    scan.ranges = (1 / (scale * row[columns] + shift) / np.cos(angles)).tolist()
    probe.listen(DiagnosticArray, SCALE)
    probe.spin_until(lambda: probe.node.count_publishers(SCALE) > 0)
    probe.spin(0.5)
    probe.publish('scan', scan)
    probe.spin(0.3)
    _, outputs = send(probe, camera, (SCALE,), image)
    found = {pair.key: pair.value for pair in outputs[SCALE].status[0].values}
    assert found['source'] == 'laser_scan'
    assert float(found['scale']) == pytest.approx(scale, rel=0.1)
    probe.ignore(RELATIVE, SCALE)
    for topic in (RELATIVE, SCALE):
        del probe.received[topic]
    values = {'scale_source': 'fixed', 'laser_pose': ''}
    assert all(result.successful for result in probe.set_parameters(NODE, **values))
    probe.await_subscribers('image', 'camera_info')


def test_a_model_is_exchanged_while_frames_go_through(node, probe, camera):
    send(probe, camera, (RELATIVE,))
    before = probe.diagnostics()
    assert before['model']['input_size'] == '56x70'
    assert probe.set_parameters(NODE, input_size=70)[0].successful
    for _ in itertools.takewhile(
        lambda _: probe.diagnostics()['model']['input_size'] != '70x98', range(200)
    ):
        send(probe, camera, (RELATIVE,))
    report = probe.diagnostics()
    assert report['model']['input_size'] == '70x98'
    assert '[INFO]' in node.output()
    assert 'now running' in node.output()
    assert report['model_error'] == ''
    assert report['frames']['rejected'] == before['frames']['rejected']
    send(probe, camera, (RELATIVE,))
    probe.set_parameters(NODE, input_size=56)
    probe.spin_until(lambda: probe.diagnostics()['model']['input_size'] == '56x70')


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_running(probe, camera, tmp_path):
    damaged = tmp_path / 'damaged.pth'
    damaged.write_bytes(b'no checkpoint')
    results = probe.set_parameters(NODE, checkpoint=str(damaged), weights='pretrained')
    assert all(result.successful for result in results)
    probe.spin_until(lambda: probe.diagnostics()['model_error'] != '')
    report = probe.diagnostics()
    assert str(damaged) in report['model_error']
    assert 'kept depth_anything_v2_vits' in report['message']
    assert report['model']['weights'] == 'random'
    # The parameters tell what runs.
    request = GetParameters.Request(names=['checkpoint', 'weights'])

    def shown():
        values = probe.call(GetParameters, f'{NODE}/get_parameters', request).values
        return [value.string_value for value in values]

    probe.spin_until(lambda: shown() == ['', 'random'])
    send(probe, camera, (RELATIVE,))
    assert str(damaged) in probe.diagnostics()['model_error']
    probe.set_parameters(NODE, checkpoint='', weights='random')
    probe.spin_until(lambda: probe.diagnostics()['model_error'] == '')


def test_a_cloud_is_saved_on_request_though_nobody_subscribes(probe, camera):
    probe.publish('camera_info', camera.info())
    probe.publish('image', camera.image())
    probe.spin(0.5)
    response = probe.call(Trigger, f'{NODE}/save_cloud')
    assert response.success, response.message
    head = Path(response.message).read_bytes()[:400]
    assert head.startswith(b'ply\nformat binary_little_endian 1.0\n')
    assert b'element vertex 3072\n' in head


def test_lifecycle_transitions_free_and_load_the_network(probe, camera):
    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return probe.call(ChangeState, f'{NODE}/change_state', request).success

    def state():
        return probe.call(GetState, f'{NODE}/get_state').current_state.label

    send(probe, camera, (RELATIVE,))
    assert state() == 'active'
    assert change(Transition.TRANSITION_DEACTIVATE)
    report = probe.diagnostics()
    assert (report['state'], state()) == ('inactive', 'inactive')
    assert 'inactive' in report['message']
    assert change(Transition.TRANSITION_CLEANUP)
    report = probe.diagnostics()
    assert report['state'] == 'unconfigured'
    assert 'model' not in report
    assert change(Transition.TRANSITION_CONFIGURE)
    assert change(Transition.TRANSITION_ACTIVATE)
    assert state() == 'active'
    probe.await_subscribers('image', 'camera_info')
    probe.ignore(RELATIVE)
    probe.received.pop(RELATIVE)
    send(probe, camera, (RELATIVE,))
    assert int(probe.diagnostics()['frames']['received']) == 1


def test_a_camera_that_offers_best_effort_only_is_heard(module_world, node, probe, camera):
    other = module_world.probe()
    other.publisher(Image, 'image', best_effort=True)
    relative = other.listen(Image, RELATIVE)
    other.await_publisher(RELATIVE)
    for _ in range(100):
        other.publish('image', camera.image())
        other.spin(0.1)
        if relative:
            break
    assert relative
    assert 'best effort' in node.output()
    send(probe, camera, (RELATIVE,))
