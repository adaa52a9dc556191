"""Several scale sources, the first of which that has a scale is taken."""

from __future__ import annotations

from collections.abc import Sequence

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.scale.base import AlignmentSource, FollowsCamera
from depth_anything_ros.types import Alignment, Camera, Frame, RelativeInverseDepth


class PrioritySources:
    """
    Ask scale sources in order, for each frame anew.

    :param sources: the preferred one first; at least one.
    """

    name = 'priority'

    def __init__(self, sources: Sequence[AlignmentSource]) -> None:
        self.sources = tuple(sources)
        self._passed_over: tuple[str, ...] = ()

    @property
    def passed_over(self) -> str:
        """Return why sources before the one that was taken last had no scale, or ''."""
        return '; '.join(self._passed_over)

    def see(self, frame: Frame, poses: PoseHistory) -> None:
        """Show an image, and how the camera moves, to the sources that follow it."""
        for source in self.sources:
            if isinstance(source, FollowsCamera):
                source.see(frame, poses)

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Return the alignment of the first source that has one; it bears that source's name.

        :raises AlignmentError: if none has one; the message has the reasons of all.
        """
        reasons = []
        for source in self.sources:
            try:
                alignment = source.align(relative, stamp_ns, camera)
            except (AlignmentError, CameraError) as error:
                reasons.append(f'{source.name}: {error}')
            else:
                self._passed_over = tuple(reasons)
                return alignment
        self._passed_over = ()
        raise AlignmentError('; '.join(reasons))
