import time

import numpy as np
import pytest

from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import AlignmentMode, align_prediction, score_aligned
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.types import OutputKind


@pytest.fixture(scope='module')
def frame():
    """Return an aligned frame of 640×480 with holes, and its truth."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:480, :640]
    truth_m = (3 + 2 * np.sin(columns / 90) + np.cos(rows / 70)).astype(np.float32)
    truth_m[rng.uniform(size=truth_m.shape) < 0.15] = np.nan
    relative = (np.nan_to_num(1 / truth_m) + 0.02 * rng.standard_normal(truth_m.shape)).astype(
        np.float32
    )
    kind = OutputKind.RELATIVE_INVERSE_DEPTH
    return (
        align_prediction(relative, kind, truth_m, AlignmentMode.SCALE_SHIFT, 0.2, 8.0),
        truth_m,
    )


def durations_s(clock, frame, names, runs):
    keep_large_buffers()
    found = []
    for _ in range(runs):
        start = clock()
        score_aligned(*frame, names)
        found.append(clock() - start)
    return sorted(found)


def test_what_metrics_share_is_computed_once(frame):
    # Of the processor's time, so that others on the machine hardly matter.
    together = durations_s(time.process_time, frame, chosen_metrics(), 7)[0]
    alone = sum(durations_s(time.process_time, frame, [name], 7)[0] for name in chosen_metrics())
    assert together < 0.6 * alone


@pytest.mark.perf
def test_the_usual_metrics_score_150_frames_a_second_on_one_core(frame):
    median_s = durations_s(time.perf_counter, frame, chosen_metrics(), 51)[25]
    assert 1 / median_s >= 150
