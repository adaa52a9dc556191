"""Where the camera was, by stamp, and how it moved between two stamps."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from statistics import median_low
from threading import Lock

from depth_anything_ros.errors import MotionError
from depth_anything_ros.geometry.transform import RigidTransform

# Ten seconds of the fastest odometry.
_CAPACITY = 2048
# Between poses further apart than this nobody knows how the camera moved.
MAX_GAP_S = 0.5
# For so long the last motion is taken to go on; its speed is that over as long before.
MAX_AHEAD_S = 0.1

# So many of the last poses say how often they come, at least and at most.
_FEWEST_OF_RATE, _MOST_OF_RATE = 3, 5

_MAX_GAP_NS, _MAX_AHEAD_NS = round(MAX_GAP_S * 1e9), round(MAX_AHEAD_S * 1e9)


class PoseHistory:
    """
    Keep where the camera was by stamp; every method is thread-safe.

    Between two poses the camera moves at a constant speed, and so it does for 0.1 s after the
    newest one. Poses in another fixed frame or of another teller, and stamps that step back (a bag
    that starts again), forget the older ones.
    """

    def __init__(self) -> None:
        self._frame_id = self._teller = self._refusal = ''
        self._stamps_ns: list[int] = []
        self._poses: list[RigidTransform] = []
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of poses kept."""
        with self._lock:
            return len(self._poses)

    @property
    def teller(self) -> str:
        """Return what told the poses that are kept, '' before the first."""
        with self._lock:
            return self._teller

    @property
    def seldom(self) -> str:
        """Return how often poses come where that is too seldom to know the motion, else ''."""
        with self._lock:
            return self._seldom()

    def add(
        self, stamp_ns: int, camera: RigidTransform, frame_id: str = '', teller: str = ''
    ) -> None:
        """
        Keep a pose; one of the same stamp as the last replaces it.

        :param camera: the optical frame in a fixed one.
        :param frame_id: names the fixed frame.
        :param teller: names what the pose is known from.
        """
        with self._lock:
            last_ns = self._stamps_ns[-1] if self._stamps_ns else stamp_ns
            known = self._frame_id, self._teller
            if (frame_id, teller) != known or stamp_ns < last_ns:
                self._stamps_ns.clear()
                self._poses.clear()
            elif self._stamps_ns and stamp_ns == last_ns:
                del self._stamps_ns[-1], self._poses[-1]
            self._frame_id, self._teller = frame_id, teller
            self._refusal = ''
            self._stamps_ns.append(stamp_ns)
            self._poses.append(camera)
            del self._stamps_ns[:-_CAPACITY], self._poses[:-_CAPACITY]

    def forget(self, teller: str) -> None:
        """Forget the poses that are kept if they are of a teller that cannot be believed."""
        with self._lock:
            if teller == self._teller:
                self._teller = ''
                self._stamps_ns.clear()
                self._poses.clear()

    def refuse(self, reason: str) -> None:
        """Take note of why no pose could be made of a message."""
        with self._lock:
            self._refusal = reason

    def at(self, stamp_ns: int) -> RigidTransform:
        """
        Return the optical frame in the fixed one at a time.

        :raises MotionError: if no poses are known around that time.
        """
        with self._lock:
            return self._at(stamp_ns)

    def between(self, before_ns: int, now_ns: int) -> RigidTransform:
        """
        Return the earlier optical frame in the later one: how static points move in it.

        :raises MotionError: if no poses are known around one of the times.
        """
        with self._lock:
            return self._at(now_ns).inverse() @ self._at(before_ns)

    def _at(self, stamp_ns: int) -> RigidTransform:
        stamps_ns, after = self._stamps_ns, bisect_left(self._stamps_ns, stamp_ns)
        if not stamps_ns:
            raise self._unknown('no pose has come yet')
        if after < len(stamps_ns) and stamps_ns[after] == stamp_ns:
            return self._poses[after]
        if after == 0:
            raise MotionError('the poses known begin after the image')
        before = after - 1
        if after == len(stamps_ns):
            if stamp_ns - stamps_ns[before] > _MAX_AHEAD_NS:
                raise self._unknown(
                    f'the newest pose is more than {MAX_AHEAD_S:g} s older than the image'
                )
            after = before
            before = min(bisect_left(stamps_ns, stamps_ns[after] - _MAX_AHEAD_NS), after - 1)
        gap_ns = stamps_ns[after] - stamps_ns[before]
        if before < 0 or gap_ns > _MAX_GAP_NS:
            raise self._unknown(f'no two poses within {MAX_GAP_S:g} s are around the image')
        share = (stamp_ns - stamps_ns[before]) / gap_ns
        return self._poses[before].towards(self._poses[after], share)

    def _unknown(self, found: str) -> MotionError:
        """Return an error that says what was found, and why as far as that is known."""
        return MotionError(': '.join(filter(None, (found, self._refusal or self._seldom()))))

    def _seldom(self) -> str:
        if len(self._stamps_ns) < _FEWEST_OF_RATE:
            return ''
        last = pairwise(self._stamps_ns[-_MOST_OF_RATE:])
        usual_s = median_low([after - before for before, after in last]) * 1e-9
        if usual_s <= MAX_AHEAD_S:
            return ''
        return (
            f'poses come {1.0 / usual_s:.2g} times a second; at least '
            f'{1.0 / MAX_AHEAD_S:.0f} are needed: raise the rate of odometry'
        )
