import math

import numpy as np
import pytest

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.point_pairs import pair_accuracy
from depth_anything_ros.evaluation.protocol import FrameScore, MeanScore

NEARNESS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_a_pair_is_right_where_the_nearer_point_is_predicted_nearer():
    pairs = [(2, 3, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1), (1, 0, 1, 0)]
    assert pair_accuracy(NEARNESS, np.array(pairs)) == 0.5
    unknown = NEARNESS.copy()
    unknown[2, 3] = np.nan
    assert pair_accuracy(unknown, np.array(pairs)) == 0.25
    assert math.isnan(pair_accuracy(NEARNESS, np.empty((0, 4), int)))


def test_over_images_every_pair_counts_the_same():
    mean = MeanScore()
    for share, pairs in ((1.0, 3), (0.0, 1)):
        mean.add(FrameScore({'pair_accuracy': share}, pairs, math.nan))
    assert METRICS['pair_accuracy'].pooled
    assert mean.result()['pair_accuracy'] == pytest.approx(0.75)
    assert mean.result()['coverage'] is None
