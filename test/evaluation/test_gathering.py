import numpy as np

from depth_anything_ros.evaluation.gathering import FrameGatherer
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
    assert gatherer.counts['unknown_stamp'] == 0


def test_a_frame_without_metric_depth_is_ready_when_others_have_overtaken_it():
    gatherer = FrameGatherer(0)
    for stamp in range(9):
        gatherer.add_truth(stamp, VALUES)
        gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
    (frame,) = take_all(gatherer)
    assert (frame.stamp_ns, frame.metric) == (0, None)
    assert frame.truth_m is not None


def test_a_prediction_after_its_frame_went_out_counts_as_late():
    gatherer = FrameGatherer(0)
    for stamp in range(9):
        gatherer.add_prediction(stamp, stamp, RELATIVE, VALUES)
    gatherer.add_prediction(0, 99, METRIC, VALUES)
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
    assert gatherer.counts['unknown_stamp'] == 1


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
    for stamp in range(10000):
        gatherer.add_sent(stamp, stamp, image)
        gatherer.add_truth(stamp, VALUES)
    assert len(gatherer._thumbnails) == 128
    assert len(gatherer._pairer) == 128
    assert len(gatherer._sent_ns) == 4096
