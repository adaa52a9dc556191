"""What the worker does with good and bad messages, without a network or a ROS graph."""

import threading
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, CameraError, DepthAnythingError
from depth_anything_ros.messages import camera_info_fields
from depth_anything_ros.nodes.frame_processor import CameraFault, FrameProcessor, Job
from depth_anything_ros.nodes.outputs import Published
from depth_anything_ros.nodes.turns import Turn
from depth_anything_ros.nodes.worker import LatestItemWorker
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.result import DepthResult
from depth_anything_ros.stream.asked import Asked
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import Camera, ConfidenceSource, DepthChoice, MetricDepth


class Outputs:
    """Stand in for the publishers; each call is one that the ROS context has ended."""

    problem = ''

    def __init__(self, wanted, failures=None):
        self._wanted = wanted
        self._failures = failures or {}

    def wanted(self):
        if isinstance(self._wanted, Exception):
            raise self._wanted
        return self._wanted

    def publish(self, frame, wanted, stages_ms):
        self.last_wanted = wanted
        return Published(('~/relative/image_raw',), (), self._failures)


class Pipeline:
    """Stand in for the pipeline: no depth at all."""

    def __init__(self):
        self.scale_source = None
        self.predictor = None

    def process(self, frame, *, fuse, sigma, confidence, lens, network_done):
        self.asked = Asked(fuse, sigma, confidence, focal_length=lens)
        network_done()
        return DepthResult(frame, None, None, None)


class Sizes:
    """Stand in for the builder of networks: those of `missing` sizes are being built."""

    def __init__(self):
        self.missing = set()
        self.building = ''

    def is_built(self, predictor, size):
        self.building = 'a size' if self.missing else ''
        return size not in self.missing


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def processor(warnings):
    host = SimpleNamespace(pipeline=Pipeline(), image_size=None)
    made = FrameProcessor(
        host, Sizes(), CameraInput('/info'), RunStatistics(), DepthNodeConfig, warnings.append
    )
    made.outputs = Outputs({'~/relative/image_raw'})
    return made


def frames(processor):
    return processor._statistics.snapshot().frames


def image(height=3, width=5):
    return Image(height=height, width=width, step=3 * width, encoding='rgb8',
                 data=bytes(3 * width * height))  # fmt: skip


def camera_info():
    fields = camera_info_fields(Camera(5, 3, 4.0, 4.0, 2.0, 1.0))
    return CameraInfo(**{name: value for name, value in fields.items() if name != 'd'})


def test_a_frame_is_processed_and_its_size_known_to_the_next_warm_up(processor):
    processor.process(Job(image(), 0))
    assert frames(processor)['processed'] == 1
    assert processor._host.image_size == (3, 5)


def test_the_pipeline_is_asked_for_what_the_outputs_of_the_frame_need(processor):
    processor._config = lambda: DepthNodeConfig(cloud_from='fused')
    for topics, asked in (
        ({'~/depth/image_raw'}, Asked()),
        ({'~/sigma/image_raw'}, Asked(fuse=True, sigma=DepthChoice.FUSED)),
        ({'~/scan'}, Asked(fuse=True)),
        ({'~/confidence/image_raw'}, Asked(confidence=ConfidenceSource.MODEL)),
    ):
        processor.outputs = Outputs(topics)
        processor.process(Job(image(), 0))
        assert processor._host.pipeline.asked == asked


def test_clouds_go_out_at_most_cloud_max_hz_times_a_second_by_the_stamps(processor):
    config = DepthNodeConfig(cloud_max_hz=10.0, cloud_from='fused')
    processor._config = lambda: config
    processor.outputs = Outputs(frozenset({'~/points', '~/depth/image_raw'}))
    clouds = []
    for number in range(30):
        message = image()
        message.header.stamp.nanosec = number * 33_333_333
        processor.process(Job(message, 0))
        assert '~/depth/image_raw' in processor.outputs.last_wanted
        clouds.append('~/points' in processor.outputs.last_wanted)
        assert processor._host.pipeline.asked.fuse == clouds[-1]
    assert clouds == [True, False, False] * 10
    config = DepthNodeConfig(cloud_max_hz=0.0)
    processor.process(Job(message, 0))
    assert '~/points' in processor.outputs.last_wanted


def test_what_cannot_be_compressed_is_told(processor):
    processor.outputs.problem = 'not compressed: reason'
    assert processor.doubt == 'not compressed: reason'


def test_the_turn_ends_with_the_network_and_how_long_it_was_waited_for_is_told(processor):
    class Counted(Turn):
        waited_ms, ended = 12.5, 0

        def end(self):
            self.ended += 1

    class Watching(Outputs):
        def publish(self, frame, wanted, stages_ms):
            ended.append(processor._turn.ended)
            return super().publish(frame, wanted, stages_ms)

    processor.process(Job(image(), 0))
    assert 'turn' not in processor._statistics.snapshot().stages_ms
    processor._turn, ended = Counted(), []
    processor.outputs = Watching({'~/relative/image_raw'})
    processor.process(Job(image(), 0))
    assert ended == [1]
    assert processor._statistics.snapshot().stages_ms['turn']['p50'] == 12.5


def test_a_frame_that_nobody_wants_is_unwatched(processor):
    processor.outputs = Outputs(frozenset())
    processor.process(Job(image(), 0))
    assert (frames(processor)['unwatched'], frames(processor)['processed']) == (1, 0)


def test_publishers_that_are_gone_do_not_end_the_worker(processor, warnings):
    processor.outputs = Outputs(RuntimeError('publisher is invalid'))
    processor.process(Job(image(), 0))
    assert frames(processor)['rejected'] == 1
    assert warnings == ['frame rejected: RuntimeError: publisher is invalid']


def test_without_a_camera_there_is_neither_cloud_nor_scan(processor):
    processor.process(Job(image(), 0))
    assert processor.camera_fault == CameraFault(
        'no camera_info yet on /info', ('point cloud', 'laser scan')
    )


def with_predicted_camera(processor, camera=None, reason=''):
    config = DepthNodeConfig(predicted_camera=True)
    processor._config = lambda: config

    def predict(result):
        return replace(result, predicted_camera=camera, no_lens_reason=reason)

    processor._host.pipeline.with_predicted_camera = predict


def test_a_missing_camera_is_predicted_where_that_is_allowed_and_a_cloud_asked_for(processor):
    seen = Camera(5, 3, 2.5, 1.5, 2.0, 1.0)
    with_predicted_camera(processor, seen)
    processor.process(Job(image(), 0))
    assert processor.last_result.predicted_camera is None  # nobody wants a cloud
    assert processor._host.pipeline.asked.focal_length  # what metres need is asked all the same
    processor.outputs = Outputs({'~/points'})
    processor.process(Job(image(), 0))
    assert processor.last_result.camera == seen
    assert processor.last_result.frame.camera is None
    assert processor.camera_fault == CameraFault('', ())
    told = (
        'clouds and scans go by a field of view that the network finds, 90.0 by 90.0 degrees: '
        'no camera_info yet on /info'
    )
    assert processor.doubt == told
    uncalibrated = camera_info()
    uncalibrated.k = [0.0] * 9
    processor._input._camera.update(uncalibrated)
    processor.process(Job(image(), 0))
    assert processor.last_result.camera == seen
    assert 'camera_info is uncalibrated' in processor.doubt


def test_a_predicted_camera_never_takes_the_place_of_a_real_one(processor):
    with_predicted_camera(processor, Camera(5, 3, 2.5, 1.5, 2.0, 1.0))
    processor.outputs = Outputs({'~/points'})
    processor._input._camera.update(camera_info())
    processor.process(Job(image(), 0))
    assert processor.last_result.camera == Camera(5, 3, 4.0, 4.0, 2.0, 1.0)
    assert not processor._host.pipeline.asked.focal_length
    assert processor.doubt == ''
    processor.process(Job(image(height=6, width=10), 0))
    assert processor.last_result.camera is None
    assert 'camera_info is for 5x3' in processor.camera_fault.reason


def test_why_no_camera_is_predicted_stands_beside_why_there_is_none(processor):
    with_predicted_camera(processor, reason="model 'tiny' does not find the field of view")
    processor.outputs = Outputs({'~/points'})
    processor.process(Job(image(), 0))
    told = "no camera_info yet on /info; model 'tiny' does not find the field of view"
    assert processor.camera_fault.reason == told
    saved = Future()
    processor.process(Job(image(), 0, saved))
    with pytest.raises(CameraError, match=f'^no cloud of depth: {told}$'):
        saved.result(0)


def test_an_output_that_failed_is_named_and_the_other_not(processor):
    processor._input._camera.update(camera_info())
    processor.outputs = Outputs({'~/scan'}, {'~/scan': 'no frame for the scan'})
    processor.process(Job(image(), 0))
    assert processor.camera_fault == CameraFault('no frame for the scan', ('laser scan',))
    processor.reset()
    assert processor.camera_fault == CameraFault('', ())


def test_a_doubtful_camera_info_is_logged_once_and_kept_for_diagnostics(processor, warnings):
    info = camera_info()
    info.header.frame_id = 'rear'
    processor._input._camera.update(info)
    front = image()
    front.header.frame_id = 'front'
    for number in range(2):
        processor.process(Job(front, number))
    assert "camera_info on /info is of frame 'rear', its image of 'front'" in warnings[0]
    assert (warnings, processor.camera_doubt) == ([warnings[0]], warnings[0])
    front.header.frame_id = 'rear'
    processor.process(Job(front, 3))
    assert processor.camera_doubt == ''


def test_a_frame_waits_for_the_network_of_its_size(processor):
    processor._sizes.missing = {(3, 5)}
    job = Job(image(), 0)
    processor.process(job)
    assert (frames(processor)['processed'], frames(processor)['rejected']) == (0, 0)
    processor._sizes.missing.clear()
    assert processor.take_waiting() is job
    assert processor.take_waiting() is None
    processor.process(job)
    assert (frames(processor)['processed'], frames(processor)['rejected']) == (1, 0)


@pytest.mark.parametrize('newer', [(3, 5), (4, 6)])
def test_a_newer_frame_takes_the_place_of_one_that_waits(processor, warnings, newer):
    processor._sizes.missing = {(3, 5)}
    processor.process(Job(image(), 0))
    job = Job(image(*newer), 0)
    processor.process(job)
    assert frames(processor)['rejected'] == 1
    assert warnings == ['frame rejected: the network for images of 5x3 is being built']
    assert processor.take_waiting() is (job if newer == (3, 5) else None)
    assert frames(processor)['processed'] == (newer != (3, 5))


def test_a_frame_whose_network_was_built_between_two_looks_does_not_wait(processor):
    class Quick(Sizes):
        def is_built(self, predictor, size):
            self.asked = getattr(self, 'asked', 0) + 1
            return self.asked > 1

    processor._sizes = Quick()
    processor.process(Job(image(), 0))
    assert frames(processor)['processed'] == 1


def cloud_saved(processor, folder, **result):
    """Save the cloud of depth of 1 m where nothing of more than a fifth off is to be in it."""

    def process(frame, *, fuse, sigma, confidence, lens, network_done):
        assert sigma is DepthChoice.NETWORK
        return DepthResult(frame, None, None, MetricDepth(np.ones((3, 5), np.float32)), **result)

    config = from_mapping(DepthNodeConfig, {'max_sigma': 0.2, 'cloud_dir': str(folder)})
    processor._config = lambda: config
    processor._host.pipeline.process = process
    processor._input._camera.update(camera_info())
    saved = Future()
    processor.process(Job(image(), 0, saved))
    return saved.result(0)


def test_a_saved_cloud_is_without_what_is_too_uncertain(processor, tmp_path):
    sigma = np.full((3, 5), 0.1, np.float32)
    sigma[1] = 0.3
    path = cloud_saved(processor, tmp_path, sigma=sigma)
    assert b'element vertex 10\n' in path.read_bytes()[:400]


def test_no_cloud_is_saved_where_its_uncertainty_is_not_known(processor, tmp_path):
    with pytest.raises(AlignmentError, match='^no cloud of depth: the table is of other weights'):
        cloud_saved(processor, tmp_path, no_sigma_reason='the table is of other weights')
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_of_a_size_without_network_is_refused(processor):
    processor._sizes.missing = {(3, 5)}
    saved = Future()
    processor.process(Job(image(), 0, saved))
    with pytest.raises(DepthAnythingError, match='network for images of 5x3 is being built'):
        saved.result(0)


def test_a_cloud_is_saved_though_images_arrive_while_the_worker_is_busy(
    processor, tmp_path, monkeypatch
):
    """The image of the save, not those that follow it on a live camera."""
    started, proceed, written = threading.Event(), threading.Event(), []

    def write(job):
        written.append(job.arrival_ns)
        return tmp_path / 'cloud.ply'

    def wanted():
        started.set()
        proceed.wait(10)
        return set()

    monkeypatch.setattr(processor, '_write_cloud', write)
    monkeypatch.setattr(processor.outputs, 'wanted', wanted)
    worker = LatestItemWorker(processor.process, 'test', processor.give_up)
    worker.submit(Job(image(), 1))
    assert started.wait(10)
    saved = Future()
    worker.demand(Job(image(), 2, saved))
    assert [worker.submit(Job(image(), number)) for number in (3, 4)] == [False, True]
    proceed.set()
    assert saved.result(10) == tmp_path / 'cloud.ply'
    assert worker.wait_idle(10)
    worker.stop(10)
    assert written == [2]
    assert frames(processor)['unwatched'] == 2


def test_who_waits_for_a_cloud_is_told_that_none_comes(processor):
    saved = Future()
    processor.give_up(Job(image(), 0, saved))
    with pytest.raises(DepthAnythingError, match='stopped taking images'):
        saved.result(0)
    processor.give_up(Job(image(), 0))


def test_a_cloud_that_nobody_waits_for_any_more_is_not_saved(processor, monkeypatch):
    written = []
    monkeypatch.setattr(processor, '_write_cloud', written.append)
    for take in (processor.process, processor.give_up):
        saved = Future()
        saved.cancel()
        take(Job(image(), 0, saved))
    assert written == []
