import contextlib
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.scale import AlignmentTracker
from depth_anything_ros.scale.gate import depth_change
from depth_anything_ros.types import Alignment, ReferencePoints, ScaleState

S = 1_000_000_000
MS = 1_000_000


def fit(scale, shift=0.0, points=100, stamp_ns=0):
    return Alignment(scale, shift, 'depth_image', points, 0.9, 0.01, stamp_ns)


def test_nothing_is_known_at_first():
    assert AlignmentTracker(0.5, 2.0).current(0) is None


def test_the_first_fit_is_taken_as_it_is():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(0.2, 0.1), 0)
    assert tracker.current(0) == fit(0.2, 0.1)


def test_a_frame_seen_twice_changes_nothing():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), S)
    assert tracker.update(fit(2.0), S).scale == 1.0


def test_no_time_constant_takes_every_fit_as_it_is():
    tracker = AlignmentTracker(0.0, 2.0)
    tracker.update(fit(1.0), 0)
    assert tracker.update(fit(2.0), 1).scale == 2.0


def test_what_is_told_and_not_measured_may_change_at_once():
    """As the focal length does of a lens that zooms."""
    tracker = AlignmentTracker(0.5, 2.0, 0.3)
    tracker.update(fit(1.0, points=0), 0)
    assert tracker.update(fit(2.0, points=0), MS).scale == 2.0
    with pytest.raises(AlignmentError, match='contradicts the previous scale'):
        tracker.update(fit(4.0), 2 * MS)
    other = replace(fit(4.0, points=0), source='fixed')
    with pytest.raises(AlignmentError, match='fixed contradicts the previous scale'):
        tracker.update(other, 3 * MS)


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
    assert tracker.update(None, 3 * S) is None
    assert tracker.current(4 * S) is None


def states(tracker, stamps_ns):
    return [
        (tracker.current(stamp_ns), tracker.state(stamp_ns, fitted=False))
        for stamp_ns in stamps_ns
    ]


@pytest.mark.parametrize('scale', [1.0, 1.1, 2.0])
@pytest.mark.parametrize('count', [1, 2, 6])
def test_asking_changes_nothing(scale, count):
    """Questions about any time, between fits that agree, that contradict, and after a pause."""
    asked, told = gated(), gated()
    for tracker in (asked, told):
        feed(tracker, 1.0, 1000, 3)
    stamps_ns = [0, 999 * MS, 1300 * MS, 1900 * MS, 5 * S, 2 * S]
    for index in range(count):
        before = states(asked, stamps_ns)
        assert states(asked, stamps_ns) == before
        start_ms = 1300 + 100 * index
        assert feed(asked, scale, start_ms, 1) == feed(told, scale, start_ms, 1)
    assert states(asked, stamps_ns) == states(told, stamps_ns)


def test_a_frame_without_fit_gets_what_is_known_and_one_from_before_forgets_it():
    tracker = AlignmentTracker(0.5, 2.0)
    assert tracker.update(None, S) is None
    tracker.update(fit(1.0), S)
    assert tracker.update(None, 2 * S) == fit(1.0)
    assert tracker.update(None, 4 * S) is None
    assert tracker.update(None, 0) is None
    assert tracker.current(S) is None


def test_reset_forgets_the_alignment():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), 0)
    tracker.reset()
    assert tracker.current(0) is None


def test_a_stale_alignment_is_kept_where_that_is_wanted_and_says_so():
    tracker = AlignmentTracker(0.5, 2.0, keep_stale=True)
    tracker.update(fit(1.0), 0 + S)
    assert tracker.state(S, fitted=True) == ScaleState.FITTED
    assert tracker.state(2 * S, fitted=False) == ScaleState.HELD
    assert tracker.state(3 * S + 1, fitted=False) == ScaleState.STALE
    assert tracker.current(100 * S).scale == 1.0


def test_a_frame_of_the_same_stamp_without_a_fit_of_its_own_is_held():
    tracker = AlignmentTracker(0.5, 2.0)
    tracker.update(fit(1.0), S)
    assert tracker.state(S, fitted=False) == ScaleState.HELD


def test_without_alignment_there_is_no_state():
    tracker = AlignmentTracker(0.5, 2.0)
    assert tracker.state(0, fitted=False) is None
    tracker.update(fit(1.0), S)
    assert tracker.state(3 * S + 1, fitted=False) is None


def test_change_of_depth_is_largest_at_an_end_of_the_range():
    before = fit(0.2, 0.1)
    # The same relative value: y becomes y + 0.05; at 3 m, 1/3 becomes 0.3833.
    assert depth_change(before, fit(0.2, 0.15)) == pytest.approx(1 - (1 / 3) / (1 / 3 + 0.05))
    assert depth_change(before, fit(0.1, 0.05)) == pytest.approx(1.0)
    assert depth_change(before, before) == 0.0
    assert depth_change(before, fit(0.2, -0.4)) == float('inf')


def gated(**options):
    return AlignmentTracker(0.0, 2.0, 0.3, **options)


def feed(tracker, scale, start_ms, count, step_ms=100):
    """Update at 10 Hz and return the scale in force after each frame, None for none."""
    scales = []
    for index in range(count):
        stamp_ns = (start_ms + index * step_ms) * MS
        with contextlib.suppress(AlignmentError):
            tracker.update(fit(scale), stamp_ns)
        found = tracker.current(stamp_ns)
        scales.append(found.scale if found else None)
    return scales


def test_a_small_change_passes_the_gate():
    tracker = gated()
    assert feed(tracker, 1.0, 1000, 3) + feed(tracker, 1.25, 1300, 2) == [1.0] * 3 + [1.25] * 2


def test_a_jump_is_held_then_paused_then_believed_within_a_second():
    tracker = gated()
    feed(tracker, 1.0, 1000, 5)
    assert feed(tracker, 2.0, 1500, 10) == [1.0] * 3 + [None] * 3 + [2.0] * 4


def test_a_single_wrong_fit_leaves_no_trace():
    tracker = gated()
    feed(tracker, 1.0, 1000, 5)
    assert feed(tracker, 3.0, 1500, 1) == [1.0]
    assert feed(tracker, 1.0, 1600, 5) == [1.0] * 5
    assert feed(tracker, 3.0, 2100, 2) == [1.0] * 2


def test_fits_that_contradict_each_other_are_never_believed():
    tracker = gated()
    feed(tracker, 1.0, 1000, 5)
    scales = []
    for index in range(20):
        scales += feed(tracker, (2.0, 4.0, 8.0)[index % 3], 1500 + 100 * index, 1)
    assert scales == [1.0] * 3 + [None] * 17


def test_the_old_scale_is_taken_up_again_after_a_pause():
    tracker = gated()
    feed(tracker, 1.0, 1000, 5)
    feed(tracker, 2.0, 1500, 5)
    assert feed(tracker, 1.0, 2000, 8) == [None] * 6 + [1.0] * 2


def test_a_slow_camera_too_sees_a_pause_before_a_jump():
    tracker = gated()
    feed(tracker, 1.0, 1000, 2, 1000)
    assert feed(tracker, 2.0, 3000, 4, 1000) == [1.0, None, 2.0, 2.0]


def test_a_pause_that_the_source_leaves_ends_with_the_expiry():
    tracker = gated()
    feed(tracker, 1.0, 1000, 5)
    feed(tracker, 2.0, 1500, 4)
    assert feed(tracker, 4.0, 5000, 1) == [4.0]


def test_a_kept_stale_scale_does_not_jump_either():
    tracker = gated(keep_stale=True)
    feed(tracker, 1.0, 1000, 1)
    assert feed(tracker, 2.0, 9000, 8) == [1.0] * 3 + [None] * 3 + [2.0] * 2


def test_the_refusal_says_what_contradicts():
    tracker = gated()
    tracker.update(fit(1.0), S)
    with pytest.raises(AlignmentError, match=r'depth_image contradicts .* 30% .*scale 2,'):
        tracker.update(fit(2.0), 2 * S)


def test_without_gate_every_fit_is_believed():
    tracker = AlignmentTracker(0.0, 2.0)
    assert feed(tracker, 1.0, 1000, 1) + feed(tracker, 9.0, 1100, 1) == [1.0, 9.0]


def test_only_depth_that_the_image_shows_counts_as_change():
    before, after = fit(1.0), fit(1.0, shift=0.2)
    # From 1 / 2 to 1 / (2 + 0.2) m at the near end, from 3 to 1 / (1 / 3 + 0.2) m at 3 m.
    assert depth_change(before, after, (2.0, 2.5)) == pytest.approx(1 - 2 / 2.2)
    assert depth_change(before, after) == pytest.approx(1 - (1 / 3) / (1 / 3 + 0.2))
    assert depth_change(before, after, (-5.0, 50.0)) == pytest.approx(depth_change(before, after))
    tracker = AlignmentTracker(0.0, 10.0, gate=0.3)
    tracker.update(before, 10**9)
    with pytest.raises(AlignmentError, match='contradicts'):
        tracker.update(after, 2 * 10**9)
    assert tracker.update(after, 2 * 10**9, (2.0, 2.5)).shift == 0.2


def fit_with_points(stamp_ns, off=1.2, scale=0.5):
    """Return a fit that its own points contradict by a factor."""
    rng = np.random.default_rng(stamp_ns % 1000)
    rows, columns = (rng.uniform(0, end, 200).astype(np.float32) for end in (480, 640))
    relative = rng.uniform(1.0, 4.0, 200).astype(np.float32)
    depth_m = (1.0 / (off * (scale * relative + 0.1))).astype(np.float32)
    reference = ReferencePoints(rows, columns, relative, depth_m, (480, 640))
    return replace(fit(scale, 0.1, points=200, stamp_ns=stamp_ns), reference=reference)


def test_the_field_goes_the_way_of_the_scale():
    tracker = AlignmentTracker(0.5, 2.0, 0.3, with_field=True)
    assert tracker.update(fit_with_points(S), S).factors.mean_change == pytest.approx(
        0.2, abs=0.02
    )
    held = tracker.update(None, 2 * S)
    assert held.factors is tracker.current(3 * S).factors is not None
    assert tracker.update(None, 4 * S) is None
    afresh = tracker.update(fit_with_points(5 * S, off=1.0), 5 * S)
    assert afresh.factors.mean_change < 0.01
    tracker.update(fit_with_points(6 * S), 6 * S)
    tracker.reset()
    afresh = tracker.update(fit_with_points(7 * S, off=1.0), 7 * S)
    assert afresh.factors.mean_change < 0.01


def test_a_scale_that_replaces_another_has_a_field_of_its_own():
    tracker = AlignmentTracker(0.0, 2.0, 0.3, with_field=True)
    tracker.update(fit_with_points(0), 0)
    for tenth in range(1, 12):
        with contextlib.suppress(AlignmentError):
            tracker.update(fit_with_points(tenth * 100 * MS, 1.0, 1.0), tenth * 100 * MS)
    found = tracker.current(tenth * 100 * MS)
    assert found.scale == 1.0
    assert found.factors.mean_change < 0.01


def test_a_field_without_points_says_so():
    tracker = AlignmentTracker(0.5, 2.0, 0.3, with_field=True)
    assert tracker.doubt == ''
    tracker.update(fit(0.2), 0)
    assert 'scale_field changes nothing: depth_image has no points' in tracker.doubt
    tracker.update(fit_with_points(S, scale=0.2), S)
    assert tracker.doubt == ''


def test_without_a_field_points_change_nothing():
    tracker = AlignmentTracker(0.5, 2.0, 0.3)
    assert tracker.update(fit_with_points(0), 0).factors is None


def test_a_fit_that_keeps_longer_is_held_longer():
    tracker = AlignmentTracker(0.5, 2.0, 0.3)
    tracker.update(replace(fit(0.2), keeps_s=60.0), 0)
    assert tracker.update(None, 60 * S).scale == 0.2
    assert tracker.state(60 * S, fitted=False) is ScaleState.HELD
    assert tracker.update(None, 61 * S) is None
    # The parameter may be longer, and is that of the next fit.
    patient = AlignmentTracker(0.5, 100.0, 0.3)
    patient.update(replace(fit(0.2), keeps_s=60.0), 0)
    assert patient.current(99 * S) is not None
    tracker.update(fit(0.2), 70 * S)
    assert tracker.current(73 * S) is None


def test_a_scale_that_is_held_is_less_sure_the_longer_it_is():
    tracker = AlignmentTracker(0.5, 10.0, 0.3)
    sure = replace(fit(0.2), covariance=(1e-4, -1e-5, 1e-3))
    assert tracker.update(sure, 0) == sure
    variances = [tracker.update(None, seconds * S).covariance[0] for seconds in (1, 2, 4)]
    assert variances == pytest.approx([3e-4, 5e-4, 9e-4])
    assert tracker.update(sure, 5 * S).covariance == sure.covariance


def test_a_scale_that_was_given_stays_sure():
    tracker = AlignmentTracker(0.5, 10.0, 0.3)
    tracker.update(fit(0.2, points=0), 0)
    assert tracker.current(5 * S) == fit(0.2, points=0)
