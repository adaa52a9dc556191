"""What the pipeline makes of the images of a bag, while the bag is read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from depth_anything_ros.bag import BagReader, Group, Recorded
from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.lab.in_order import in_order
from depth_anything_ros.lab.recording.inputs import Inputs
from depth_anything_ros.lab.recording.recorder import Recorder
from depth_anything_ros.stream.encoders import Finished
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth, UInt8Array

# One runs the network, the other prepares the next image for it.
_PREDICTING = 2


@dataclass(frozen=True)
class _Seen:
    """
    An image on its way: what is known of it so far, or the `failure` that ended its way.

    `message` is None where not even that can be read.
    """

    group: Group
    message: Any = None
    rgb: UInt8Array | None = None
    prediction: RelativeInverseDepth | MetricDepth | None = None
    failure: str = ''


class Estimates:
    """
    Run a recorder over groups of messages.

    An image is decoded on the caller's thread, predicted on others, and takes its way from there
    with all that came before it, in order, on one more.
    """

    def __init__(self, reader: BagReader, inputs: Inputs, recorder: Recorder) -> None:
        self._reader = reader
        self._recorder = recorder
        self._bases = inputs.bases()
        self._rank = {topic: place for place, topic in enumerate(inputs.topics.values())}

    def of(self, groups: Iterable[Group]) -> Iterator[tuple[Group, Finished | str]]:
        """Yield each group with what comes of its image, or why nothing does."""
        predicted = in_order(self._predict, map(self._decode, groups), _PREDICTING)
        return in_order(self._finish, predicted, 1)

    def _decode(self, group: Group) -> _Seen:
        message = None
        try:
            message = self._read(group.image)
            return _Seen(group, message, self._recorder.decode(message))
        except DepthAnythingError as error:
            return _Seen(group, message, failure=str(error))

    def _predict(self, seen: _Seen) -> _Seen:
        if seen.rgb is None:
            return seen
        try:
            return replace(seen, prediction=self._recorder.predict(seen.rgb))
        except DepthAnythingError as error:
            return replace(seen, failure=str(error))

    def _finish(self, seen: _Seen) -> tuple[Group, Finished | str]:
        group, recorder = seen.group, self._recorder
        recorder.begin(group.image.taken_ns)
        for message in sorted(group.others, key=lambda other: self._rank.get(other.topic, -1)):
            for base in self._bases.get(message.topic, ()):
                self._add(base, message)
        if seen.message is not None:
            recorder.see_image(seen.message)
        if seen.rgb is None or seen.prediction is None:
            return group, seen.failure
        return group, recorder.finish(seen.message, seen.rgb, seen.prediction)

    def _add(self, base: str, message: Recorded) -> None:
        try:
            self._recorder.add(base, self._read(message))
        except DepthAnythingError as error:
            self._recorder.refuse(f'{base}: {error}')

    def _read(self, message: Recorded) -> Any:
        return self._reader.read_cdr(message.topic, message.stamped(0))
