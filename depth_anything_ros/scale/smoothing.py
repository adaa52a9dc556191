"""Scale and shift over time: smoothed, guarded against jumps, expiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.scale.field import ScaleField
from depth_anything_ros.scale.gate import depth_change
from depth_anything_ros.scale.kalman import AlignmentFilter
from depth_anything_ros.types import Alignment, ScaleState

# While fits contradict the scale it is held this long, then metric depth stops; fits that agree
# with each other for this long, and as many, are believed.
HOLD_S = 0.3
CONFIRM_S = 0.6
CONFIRM_FITS = 3


@dataclass(frozen=True)
class _Trusted:
    """There is a scale, and the last fit agreed with it."""

    smoothed: AlignmentFilter

    @property
    def newest_ns(self) -> int:
        return self.smoothed.updated_ns


@dataclass(frozen=True)
class _Rival:
    """Fits that agree with each other and not with the scale: since when, and how many."""

    smoothed: AlignmentFilter
    since_ns: int
    fits: int


@dataclass(frozen=True)
class _Doubted:
    """There is a scale; fits have contradicted it since a stamp, and it is held for now."""

    smoothed: AlignmentFilter
    rival: _Rival
    since_ns: int

    @property
    def newest_ns(self) -> int:
        return self.rival.smoothed.updated_ns


@dataclass(frozen=True)
class _Lost:
    """The scale was contradicted for too long, and nothing else is believed yet."""

    rival: _Rival

    @property
    def newest_ns(self) -> int:
        return self.rival.smoothed.updated_ns


_State: TypeAlias = _Trusted | _Doubted | _Lost


class AlignmentTracker:
    """
    Smooth alignments over time, refuse jumps and let old ones expire.

    A fit is smoothed into the others by :class:`AlignmentFilter` unless it would change depth
    that the image shows, as far as it lies between 0.3 and 3 m, by more than `gate`. Then it
    contradicts the scale, which is held for 0.3 s; if contradiction goes on, there is no
    alignment, until fits have agreed with each other for 0.6 s. So depth that is given never
    jumps by more than the gate from one frame to the next; between two scales that differ by
    more there is always a frame without depth. A source that is told its scale and measures
    nothing, of no points, does not contradict itself: so follows a lens that zooms.

    Only :meth:`update`, to be called once a frame, and :meth:`reset` change anything.

    :param time_constant_s: 0 takes every fit as it is.
    :param expiry_s: an alignment is stale when the last fit is older than this, and than its own
        `keeps_s`.
    :param gate: largest relative change of depth that one fit may ask for; 0 allows any.
    :param keep_stale: go on with a stale alignment; otherwise there is none, and the next fit
        starts afresh.
    :param with_field: correct locally what scale and shift leave over, see :class:`ScaleField`;
        the correction goes the way of the alignment that it belongs to.
    """

    def __init__(
        self,
        time_constant_s: float,
        expiry_s: float,
        gate: float = 0.0,
        *,
        keep_stale: bool = False,
        with_field: bool = False,
    ) -> None:
        self._time_constant_s = time_constant_s
        self._expiry_ns = round(expiry_s * 1e9)
        self._gate = gate
        self._keep_stale = keep_stale
        self._with_field = with_field
        self._state: _State | None = None

    @property
    def doubt(self) -> str:
        """Return why there is no field though one is asked for, or ''."""
        # Read once: another thread asks while the frames go on.
        state = self._state
        if not self._with_field or not isinstance(state, _Trusted | _Doubted):
            return ''
        alignment = state.smoothed.alignment
        if alignment.factors is not None:
            return ''
        return f'scale_field changes nothing: {alignment.source} has no points to go by'

    def update(
        self, fit: Alignment | None, stamp_ns: int, span: tuple[float, float] | None = None
    ) -> Alignment | None:
        """
        Take in one frame; a stamp before that of the last fit resets the tracker first.

        :param fit: of the frame; None where it has none.
        :param stamp_ns: acquisition time of the frame.
        :param span: relative inverse depth of the far and the near end of what the frame shows;
            without it, depths from 0.3 to 3 m count, shown or not.
        :return: the alignment to use for the frame: scale and shift smoothed, all else as in the
            last fit; as :meth:`current` where the frame has no fit.
        :raises AlignmentError: if the fit contradicts the others and is not believed yet.
        """
        state, known = self._state_at(stamp_ns), self._smoothed_at(stamp_ns)
        if fit is None:
            self._state = state
            return None if known is None else known.at(stamp_ns)
        if state is None or (known is None and not isinstance(state, _Lost)):
            self._state = _Trusted(self._start(fit, stamp_ns))
        elif known is not None and self._agree(known, fit, span):
            known.update(fit, stamp_ns)
            self._state = _Trusted(known)
        else:
            self._state = self._contradicted(state, fit, stamp_ns, span)
        if isinstance(self._state, _Trusted):
            return self._state.smoothed.alignment
        raise AlignmentError(
            f'{fit.source} contradicts the previous scale by more than {self._gate:.0%} of depth '
            f'(scale {fit.scale:.4g}, shift {fit.shift:.4g} {fit.unit}); it is believed after '
            f'{CONFIRM_S:g} s of agreement'
        )

    def current(self, stamp_ns: int) -> Alignment | None:
        """
        Return the alignment to use for a frame of that stamp.

        :return: None before the first fit, after expiry, while fits contradict each other, and
            for a stamp before that of the last fit.
        """
        known = self._smoothed_at(stamp_ns)
        return None if known is None else known.at(stamp_ns)

    def state(self, stamp_ns: int, *, fitted: bool) -> ScaleState | None:
        """
        Return how fresh the alignment for a frame of that stamp is, or None without one.

        :param fitted: the frame had a fit of its own, which was taken in.
        """
        known = self._smoothed_at(stamp_ns)
        if known is None:
            return None
        if fitted:
            return ScaleState.FITTED
        return ScaleState.STALE if self._is_stale(known, stamp_ns) else ScaleState.HELD

    def reset(self) -> None:
        """Forget everything, as after a change of model, scale source or scene."""
        self._state = None

    def _state_at(self, stamp_ns: int) -> _State | None:
        """Return the state that a frame of that stamp comes to, None if nothing is known."""
        state = self._state
        if state is None or stamp_ns < state.newest_ns:
            return None
        ended = isinstance(state, _Lost) and stamp_ns - state.newest_ns > self._expiry_ns
        return None if ended else state

    def _smoothed_at(self, stamp_ns: int) -> AlignmentFilter | None:
        """Return what has the alignment for a frame of that stamp."""
        state = self._state_at(stamp_ns)
        if state is None or isinstance(state, _Lost):
            return None
        stale = self._is_stale(state.smoothed, stamp_ns)
        return None if stale and not self._keep_stale else state.smoothed

    def _is_stale(self, smoothed: AlignmentFilter, stamp_ns: int) -> bool:
        own_s = smoothed.alignment.keeps_s
        keeps_ns = self._expiry_ns if own_s is None else max(self._expiry_ns, round(own_s * 1e9))
        return stamp_ns - smoothed.updated_ns > keeps_ns

    def _start(self, fit: Alignment, stamp_ns: int) -> AlignmentFilter:
        field = ScaleField(self._time_constant_s, self._gate) if self._with_field else None
        return AlignmentFilter(fit, stamp_ns, self._time_constant_s, field)

    def _agree(
        self, smoothed: AlignmentFilter, fit: Alignment, span: tuple[float, float] | None
    ) -> bool:
        known = smoothed.alignment
        told = fit.points == known.points == 0 and fit.source == known.source
        return self._gate <= 0 or told or depth_change(known, fit, span) <= self._gate

    def _contradicted(
        self, state: _State, fit: Alignment, stamp_ns: int, span: tuple[float, float] | None
    ) -> _State:
        """Return the state after a fit that does not agree with the scale, or finds none."""
        rival = None if isinstance(state, _Trusted) else state.rival
        if rival is not None and self._agree(rival.smoothed, fit, span):
            rival.smoothed.update(fit, stamp_ns)
            rival = _Rival(rival.smoothed, rival.since_ns, rival.fits + 1)
        else:
            rival = _Rival(self._start(fit, stamp_ns), stamp_ns, 1)
        if isinstance(state, _Lost):
            confirmed = stamp_ns - rival.since_ns >= CONFIRM_S * 1e9
            # There was a frame without depth, so that depth does not jump.
            believed = confirmed and rival.fits >= CONFIRM_FITS
            return _Trusted(rival.smoothed) if believed else _Lost(rival)
        since_ns = state.since_ns if isinstance(state, _Doubted) else stamp_ns
        if stamp_ns - since_ns >= HOLD_S * 1e9:
            return _Lost(rival)
        return _Doubted(state.smoothed, rival, since_ns)
