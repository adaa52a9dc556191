"""The results of one video, or of a camera: another video, and numbers of its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from depth_anything_ros.files import writing_folder
from depth_anything_ros.lab.prediction.making import Maker
from depth_anything_ros.lab.prediction.records import Record
from depth_anything_ros.lab.prediction.results import FRAMES, with_ending
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.lab.prediction.stopping import until_interrupted
from depth_anything_ros.lab.prediction.video_input import VideoFrame, VideoInput
from depth_anything_ros.lab.prediction.video_output import VIDEO, Write, writing_video
from depth_anything_ros.progress import Progress
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale import ScaleConfig, create_scene_cut
from depth_anything_ros.types import UInt8Array

# The last frames of a video that is whole may be told and not be there.
_WHOLE = 0.9


def film(
    maker: Maker, source: Source, record: Record, video: VideoInput, frames: Iterable[VideoFrame]
) -> Record:
    """
    Write the results of a video, or of a camera until Ctrl-C.

    They are there together, when the last frame is. A frame without metres gets no numbers and
    is counted; the record has a failure if no frame has any.

    :param frames: of the video, at least one.
    :return: the record with the results.
    :raises BackendError: if a network cannot run on a frame.
    :raises CameraError: if the lens takes no pictures of its size.
    :raises OutputError: if a file cannot be written.
    """
    most = maker.settings.frames
    stem = maker.settings.out / source.name
    with ExitStack() as stack:
        stopped = stack.enter_context(_end_of(source))
        label = Path(source.place).name
        shown = stack.enter_context(Progress(label, video.count if most is None else most))
        folder = None
        if maker.settings.wanted.anything:
            folder = stack.enter_context(writing_folder(with_ending(stem, FRAMES), replace=True))
        made = _Film(maker, with_ending(stem, VIDEO), folder, video.rate_hz, stack)
        taken: Iterator[VideoFrame] = islice(frames, most)
        if source.kind is not Kind.CAMERA:  # whose frames are shown as they come
            taken = maker.in_batches(taken, lambda frame: frame.rgb)
        for frame in taken:
            made.add(frame)
            shown.update()
            if stopped():
                break
    _tell_of_end(maker, source, video, made.count)
    results = [with_ending(stem, VIDEO), *([with_ending(stem, FRAMES)] if folder else [])]
    return replace(
        record,
        frames=made.count,
        frames_without_metres=made.without_metres,
        results=maker.names(results),
        failure=made.reason if made.without_metres == made.count else '',
    )


class _Film:
    """
    The frames of one video on their way to the files; `reason` is why the last had no metres.

    :param path: of the video.
    :param folder: for numbers of frames, None for none.
    :param stack: closes the video.
    """

    def __init__(
        self, maker: Maker, path: Path, folder: Path | None, rate_hz: float, stack: ExitStack
    ) -> None:
        self._maker = maker
        self._path = path
        self._folder = folder
        self._rate_hz = rate_hz
        self._stack = stack
        self._painter = maker.painter()
        self._scene_cut = create_scene_cut(ScaleConfig())
        self._write: Write | None = None
        self._size = 0, 0
        self.count = self.without_metres = 0
        self.reason = ''

    def add(self, frame: VideoFrame) -> None:
        """Predict a frame and write what is wanted of it."""
        if self._scene_cut.update(frame.rgb):
            self._painter.reset()
            for network in self._maker.networks:
                network.forget()
        found = self._maker.estimates(frame.rgb, frame.stamp_ns)
        self._draw(self._painter.draw(found), frame.stamp_ns)
        if self._folder is not None:
            self._maker.write(self._folder / f'{self.count:06d}', found)
        self._count(found)

    def _draw(self, picture: UInt8Array, stamp_ns: int) -> None:
        size = picture.shape[0], picture.shape[1]
        if self._write is None:
            self._size = size
            self._tell_if_odd(*size)
            encoder = self._maker.settings.encoder
            self._write = self._stack.enter_context(
                writing_video(encoder, self._path, size, self._rate_hz)
            )
        if size != self._size:
            self._maker.tell_once(
                str(self._path),
                f"the frames of '{self._path.name}' change their size; they are shown at that of "
                'the first',
            )
        self._write(picture, stamp_ns)

    def _tell_if_odd(self, height: int, width: int) -> None:
        odd = [side for side, count in (('row', height), ('column', width)) if count % 2]
        if odd:
            self._maker.tell_once(
                'odd',
                f"'{self._path.name}' has the last {' and '.join(odd)} twice, since the sides of "
                f'videos are even and those of its frames are {width}x{height}',
            )

    def _count(self, found: list[DepthResult]) -> None:
        self.count += 1
        for network, result in zip(self._maker.networks, found, strict=True):
            if network.gives_metres and not result.has_metres:
                self.without_metres += 1
                self.reason = f'no frame has metres: {result.no_metric_reason}'
                return


@contextmanager
def _end_of(source: Source) -> Iterator[Callable[[], bool]]:
    """Give whether to stop: a camera ends with Ctrl-C, which interrupts all else."""
    if source.kind is Kind.CAMERA:
        with until_interrupted() as stopped:
            yield stopped
    else:
        yield lambda: False


def _tell_of_end(maker: Maker, source: Source, video: VideoInput, count: int) -> None:
    told = video.count if video.is_counted and maker.settings.frames is None else None
    if told and count < _WHOLE * told:
        maker.tell_once(
            source.place,
            f"'{source.place}' ended after {count} of {told} frames: it may be damaged",
        )
