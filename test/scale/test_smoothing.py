import math

import numpy as np
import pytest

from depth_anything_ros.scale import AlignmentTracker
from depth_anything_ros.types import Alignment

S = 1_000_000_000


def fit(scale, shift=0.0, points=100, stamp_ns=0):
    return Alignment(scale, shift, 'depth_image', points, 0.9, 0.01, stamp_ns)


def test_nothing_is_known_at_first():
    assert AlignmentTracker(0.5, 2.0).current(0) is None


def test_the_first_fit_is_taken_as_it_is():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(0.2, 0.1), 0)
    assert tracker.current(0) == fit(0.2, 0.1)


def test_a_step_is_followed_with_the_time_constant():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0, 0.4), 0)
    smoothed = tracker.update(fit(2.0, 0.2), S // 2)
    share = 1 - math.exp(-1)
    assert smoothed.scale == pytest.approx(1 + share)
    assert smoothed.shift == pytest.approx(0.4 - 0.2 * share)
    assert tracker.current(S // 2) == smoothed


def test_without_stamps_every_fit_is_taken_as_it_is():
    tracker = AlignmentTracker(0.5, 2.0)
    for scale in (1.0, 2.0, 3.0):
        tracker.update(fit(scale), 0)
        assert tracker.current(0) == fit(scale)


def test_a_frame_seen_twice_changes_nothing():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), S)
    assert tracker.update(fit(2.0), S).scale == 1.0


def test_the_frame_rate_does_not_matter():
    slow, fast = AlignmentTracker(0.5, 2.0), AlignmentTracker(0.5, 2.0)
    for tracker, steps in ((slow, 1), (fast, 10)):
        tracker.update(fit(1.0), 0)
        for step in range(1, steps + 1):
            tracker.update(fit(2.0), S * step // steps)
    assert slow.current(S).scale == pytest.approx(fast.current(S).scale, rel=1e-9)


def test_inverse_depth_of_any_pixel_is_smoothed_as_such():
    tracker = AlignmentTracker(0.3, 2.0)
    rng = np.random.default_rng(0)
    relative, smoothed_inverse = 3.7, None
    for step in range(20):
        new = fit(rng.uniform(0.1, 0.3), rng.uniform(-0.1, 0.1))
        smoothed = tracker.update(new, step * S // 10)
        inverse = new.scale * relative + new.shift
        share = 1 - math.exp(-0.1 / 0.3)
        if smoothed_inverse is None:
            smoothed_inverse = inverse
        smoothed_inverse += share * (inverse - smoothed_inverse)
        assert smoothed.scale * relative + smoothed.shift == pytest.approx(smoothed_inverse)


def test_no_time_constant_takes_every_fit_as_it_is():
    tracker = AlignmentTracker(0.0, 2.0)
    tracker.update(fit(1.0), 0)
    assert tracker.update(fit(2.0), 1).scale == 2.0


def test_everything_but_scale_and_shift_is_that_of_the_last_fit():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), 0)
    smoothed = tracker.update(fit(2.0, points=77, stamp_ns=9), S)
    assert (smoothed.points, smoothed.stamp_ns, smoothed.source) == (77, 9, 'depth_image')


def test_an_alignment_expires():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), 0)
    assert tracker.current(2 * S) is not None
    assert tracker.current(2 * S + 1) is None


def test_the_first_fit_after_expiry_starts_afresh():
    tracker = AlignmentTracker(10.0, 2.0)
    tracker.update(fit(1.0), 0)
    assert tracker.update(fit(5.0), 3 * S).scale == 5.0


def test_without_expiry_time_only_the_frame_itself_has_an_alignment():
    tracker = AlignmentTracker(0.0, 0.0)
    tracker.update(fit(1.0), 5)
    assert tracker.current(5) is not None
    assert tracker.current(6) is None


def test_stamps_that_step_back_reset_the_tracker():
    tracker = AlignmentTracker(10.0, 100.0)
    tracker.update(fit(1.0), 5 * S)
    assert tracker.update(fit(3.0), 4 * S).scale == 3.0
    assert tracker.current(3 * S) is None
    assert tracker.current(4 * S) is None


def test_reset_forgets_the_alignment():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), 0)
    tracker.reset()
    assert tracker.current(0) is None
