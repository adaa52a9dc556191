"""Scale and shift over time: smoothed, guarded against jumps, expiring."""

from __future__ import annotations

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.scale.kalman import AlignmentFilter
from depth_anything_ros.types import Alignment, ScaleState

# The gate holds for depths of the image from here to there: what a robot acts on.
GATE_NEAR_M, GATE_FAR_M = 0.3, 3.0

# While fits contradict the scale it is held this long, then metric depth stops; fits that agree
# with each other for this long, and as many, are believed.
HOLD_S = 0.3
CONFIRM_S = 0.6
CONFIRM_FITS = 3


class AlignmentTracker:
    """
    Smooth alignments over time, refuse jumps and let old ones expire.

    A fit is smoothed into the others by :class:`AlignmentFilter` unless it would change depth
    that the image shows, as far as it lies between 0.3 and 3 m, by more than `gate`. Then it
    contradicts the scale, which is held for 0.3 s; if contradiction goes on, there is no
    alignment, until fits have agreed with each other for 0.6 s. So depth that is given never
    jumps by more than the gate from one frame to the next; between two scales that differ by
    more there is always a frame without depth.

    :param time_constant_s: 0 takes every fit as it is.
    :param expiry_s: an alignment is stale when the last fit is older than this.
    :param gate: largest relative change of depth that one fit may ask for; 0 allows any.
    :param keep_stale: go on with a stale alignment; otherwise there is none, and the next fit
        starts afresh.
    """

    def __init__(
        self,
        time_constant_s: float,
        expiry_s: float,
        gate: float = 0.0,
        *,
        keep_stale: bool = False,
    ) -> None:
        self._time_constant_s = time_constant_s
        self._expiry_ns = round(expiry_s * 1e9)
        self._gate = gate
        self._keep_stale = keep_stale
        self._filter: AlignmentFilter | None = None
        self._candidate: AlignmentFilter | None = None
        self._candidate_since_ns = 0
        self._candidate_fits = 0
        self._contradicted_ns: int | None = None
        self._lost = False

    def update(
        self, alignment: Alignment, stamp_ns: int, span: tuple[float, float] | None = None
    ) -> Alignment:
        """
        Take in the fit of one frame; a stamp before the last one resets the tracker first.

        :param alignment: the fit.
        :param stamp_ns: acquisition time of the frame it was made for.
        :param span: relative inverse depth of the far and the near end of what the frame shows;
            without it, depths from 0.3 to 3 m count, shown or not.
        :return: the smoothed scale and shift, with all else as in the fit.
        :raises AlignmentError: if the fit contradicts the others and is not believed yet.
        """
        tracked = self.current(stamp_ns)
        if tracked is None and not self._lost:
            return self._start(self._filter_of(alignment, stamp_ns))
        known = self._filter if not self._lost else None
        if known is not None and self._agree(known, alignment, span):
            self._candidate, self._contradicted_ns = None, None
            return known.update(alignment, stamp_ns)
        return self._doubt(alignment, stamp_ns, span)

    def current(self, stamp_ns: int) -> Alignment | None:
        """
        Return the alignment to use for a frame of that stamp.

        :return: None before the first fit, after expiry, while fits contradict each other, and
            after stamps stepped back.
        """
        newest_ns = max(
            (kept.updated_ns for kept in (self._filter, self._candidate) if kept), default=0
        )
        if stamp_ns < newest_ns or (self._lost and stamp_ns - newest_ns > self._expiry_ns):
            self.reset()
        if self._filter is None or self._lost:
            return None
        if stamp_ns - self._filter.updated_ns > self._expiry_ns and not self._keep_stale:
            return None
        return self._filter.alignment

    def state(self, stamp_ns: int, *, fitted: bool) -> ScaleState | None:
        """
        Return how fresh the alignment for a frame of that stamp is, or None without one.

        :param fitted: the frame had a fit of its own, which was taken in.
        """
        if self.current(stamp_ns) is None or self._filter is None:
            return None
        if fitted:
            return ScaleState.FITTED
        stale = stamp_ns - self._filter.updated_ns > self._expiry_ns
        return ScaleState.STALE if stale else ScaleState.HELD

    def reset(self) -> None:
        """Forget everything, as after a change of model, scale source or scene."""
        self._filter = self._candidate = self._contradicted_ns = None
        self._candidate_since_ns = self._candidate_fits = 0
        self._lost = False

    def _filter_of(self, alignment: Alignment, stamp_ns: int) -> AlignmentFilter:
        return AlignmentFilter(alignment, stamp_ns, self._time_constant_s)

    def _start(self, tracked: AlignmentFilter) -> Alignment:
        self.reset()
        self._filter = tracked
        return tracked.alignment

    def _agree(
        self, tracked: AlignmentFilter, fit: Alignment, span: tuple[float, float] | None
    ) -> bool:
        return self._gate <= 0 or depth_change(tracked.alignment, fit, span) <= self._gate

    def _doubt(self, fit: Alignment, stamp_ns: int, span: tuple[float, float] | None) -> Alignment:
        """Keep a fit that contradicts the others, and believe it once enough others agree."""
        if self._candidate is not None and self._agree(self._candidate, fit, span):
            self._candidate.update(fit, stamp_ns)
            self._candidate_fits += 1
        else:
            self._candidate = self._filter_of(fit, stamp_ns)
            self._candidate_since_ns, self._candidate_fits = stamp_ns, 1
        confirmed = stamp_ns - self._candidate_since_ns >= CONFIRM_S * 1e9
        # Only after a frame without depth, so that depth never jumps.
        if self._lost and confirmed and self._candidate_fits >= CONFIRM_FITS:
            return self._start(self._candidate)
        if self._contradicted_ns is None:
            self._contradicted_ns = stamp_ns
        if stamp_ns - self._contradicted_ns >= HOLD_S * 1e9:
            self._lost = True
        raise AlignmentError(
            f'{fit.source} contradicts the scale of before by more than {self._gate:.0%} of depth '
            f'(scale {fit.scale:.4g}, shift {fit.shift:.4g} 1/m); it is believed after '
            f'{CONFIRM_S:g} s of agreement'
        )


def depth_change(
    before: Alignment, after: Alignment, span: tuple[float, float] | None = None
) -> float:
    """
    Return the largest relative change of depth from one alignment to another.

    With the same relative value, inverse depth y becomes a · y + b: the relative change of depth
    is monotonic in y, so that the ends of the range bound it. It is infinite where a depth is
    lost.

    :param span: relative inverse depth of the far and the near end of the range, which is cut to
        0.3 and 3 m before; without it the range is that from 0.3 to 3 m.
    """
    least, most = 1 / GATE_FAR_M, 1 / GATE_NEAR_M
    ends_per_m = [least, most]
    if span is not None:
        shown = [before.scale * value + before.shift for value in span]
        ends_per_m = [min(max(end, least), most) for end in shown]
    gain = after.scale / before.scale
    offset = after.shift - gain * before.shift
    ratios = [gain + offset / end_per_m for end_per_m in ends_per_m]
    if min(ratios) <= 0:
        return float('inf')
    return max(abs(1.0 / ratio - 1.0) for ratio in ratios)
