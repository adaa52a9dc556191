import numpy as np
import pytest

from depth_anything_ros.evaluation.gathering import FrameGatherer
from depth_anything_ros.evaluation.truth_pool import Truth, TruthPool
from depth_anything_ros.types import OutputKind

RELATIVE, METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
VALUES = np.ones((2, 2), np.float32)


def take_all(gatherer):
    frames = []
    while (frame := gatherer.take()) is not None:
        frames.append(frame)
    return frames


def test_a_frame_is_ready_when_all_of_it_has_come():
    gatherer = FrameGatherer(0)
    gatherer.add_sent(1, 10, VALUES.astype(np.uint8))
    gatherer.add_truth(1, VALUES)
    gatherer.add_prediction(1, 20, RELATIVE, VALUES)
    assert gatherer.take() is None
    gatherer.add_prediction(1, 30, METRIC, VALUES)
    frame = gatherer.take()
    assert (frame.stamp_ns, frame.sent_ns, frame.arrival_ns) == (1, 10, 20)
    assert frame.thumbnail is not None
    assert frame.truth_offset_ns == 0
    assert gatherer.take() is None


def test_a_frame_waits_for_its_image_where_images_come_at_all():
    gatherer = FrameGatherer(0)
    gatherer.add_sent(0, 0, None)
    gatherer.add_truth(1, VALUES)
    gatherer.add_prediction(1, 20, RELATIVE, VALUES)
    gatherer.add_prediction(1, 20, METRIC, VALUES)
    assert gatherer.ready() == 0
    gatherer.add_sent(1, 10, None)
    assert gatherer.take().sent_ns == 10
    assert gatherer.counts['unmatched'] == 0


def test_a_frame_without_metric_depth_is_ready_when_others_have_overtaken_it():
    gatherer = FrameGatherer(0)
    for stamp in range(1, 10):
        gatherer.add_truth(stamp, VALUES)
        gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
    (frame,) = take_all(gatherer)
    assert (frame.stamp_ns, frame.metric) == (1, None)
    assert frame.truth_m is not None


def test_a_prediction_after_its_frame_went_out_counts_as_late():
    gatherer = FrameGatherer(0)
    for stamp in range(1, 10):
        gatherer.add_sent(stamp, stamp, None)
        gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
    gatherer.add_prediction(1, 99, METRIC, VALUES)
    assert gatherer.counts['late'] == 1
    assert gatherer.counts['received'] == 9


def test_finishing_makes_everything_ready_in_order():
    gatherer = FrameGatherer(5)
    for stamp in (10, 20, 30):
        gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
    gatherer.add_truth(22, VALUES)
    gatherer.finish()
    frames = take_all(gatherer)
    assert [frame.stamp_ns for frame in frames] == [10, 20, 30]
    assert [frame.truth_offset_ns for frame in frames] == [None, 2, None]


def test_a_prediction_of_an_image_that_was_never_sent_is_noticed():
    gatherer = FrameGatherer(0)
    gatherer.add_sent(1, 1, None)
    gatherer.add_prediction(2, 5, RELATIVE, VALUES)
    gatherer.finish()
    assert gatherer.take() is None
    assert gatherer.counts['unmatched'] == 1


def test_a_second_pass_over_the_same_stamps_counts_again():
    gatherer = FrameGatherer(0)
    for _ in range(2):
        for stamp in (1, 2, 3):
            gatherer.add_sent(stamp, stamp, None)
            gatherer.add_truth(stamp, VALUES)
            gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
            gatherer.add_prediction(stamp, stamp, METRIC, VALUES)
    assert len(take_all(gatherer)) == 6
    assert gatherer.counts['received'] == 6
    assert gatherer.counts['late'] == 0


def test_what_waits_is_bounded():
    gatherer = FrameGatherer(0)
    image = VALUES.astype(np.uint8)
    for stamp in range(1, 10001):
        gatherer.add_sent(stamp, stamp, image)
        gatherer.add_truth(stamp, VALUES)
    assert len(gatherer._thumbnails) == 128
    assert sum(record.thumbnail is not None for record in gatherer._records.values()) == 128
    assert len(gatherer._truths) == 128
    assert len(gatherer._records) == len(gatherer._done) == 4096


def test_waiting_truth_is_bounded_by_its_bytes():
    pool = TruthPool(0)
    depth_m = np.ones((1080, 1920), np.float32)
    for stamp in range(1, 100):
        pool.add(Truth(stamp, depth_m))
    assert len(pool) == 2**28 // depth_m.nbytes
    assert pool.take(1) is None
    assert pool.take(99) is not None


def test_truth_goes_to_the_nearest_frame():
    pool = TruthPool(20)
    pool.add(Truth(18, VALUES))
    assert pool.take_nearest(1, rivals=[33]) is None
    pool.add(Truth(3, VALUES))
    assert pool.take_nearest(1, rivals=[33]).stamp_ns == 3
    assert pool.take_nearest(33, rivals=[]).stamp_ns == 18


@pytest.mark.parametrize('offset', [-7, 0, 4, 11])
def test_truth_with_an_offset_pairs_one_to_one(offset):
    gatherer = FrameGatherer(16)
    rng = np.random.default_rng(0)
    frames = np.arange(40) * 33 + rng.integers(-2, 3, 40) + 1000
    truths = np.arange(40) * 33 + rng.integers(-2, 3, 40) + 1000 + offset
    for time, side in sorted([(t, 0) for t in frames] + [(t + 20, 1) for t in truths]):
        if side == 0:
            gatherer.add_prediction(int(time), 0, RELATIVE, VALUES)
        else:
            gatherer.add_truth(int(time) - 20, VALUES)
    gatherer.finish()
    offsets = [frame.truth_offset_ns for frame in take_all(gatherer)]
    assert offsets == (truths - frames).tolist()
