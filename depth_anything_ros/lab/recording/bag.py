"""One bag through the depth node's pipeline into a new bag."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

from depth_anything_ros.bag import (
    BagMessage,
    BagReader,
    BagTransforms,
    BagWriter,
    Lockstep,
    Recorded,
)
from depth_anything_ros.bag.topics import allowed_in_ros2
from depth_anything_ros.bag.transforms import TF_TYPES
from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.recording.estimates import Estimates
from depth_anything_ros.lab.recording.inputs import Inputs, find_inputs
from depth_anything_ros.lab.recording.recorder import Recorder
from depth_anything_ros.lab.recording.results import (
    MADE_BY,
    BagRecord,
    RecordJob,
    Rejection,
    made_by,
)
from depth_anything_ros.lab.speed import Speed
from depth_anything_ros.stream.asked import asked_for
from depth_anything_ros.stream.encoders import (
    CAMERA_INFO,
    COMPRESSED_OUTPUTS,
    COMPRESSED_PREVIEW,
    DEPTH,
    FUSED,
    FUSED_INFO,
    OUTPUTS,
    POINTS,
    PREVIEW,
    Finished,
    Output,
    send_outputs,
)
from depth_anything_ros.stream.rate_limit import RateLimit
from depth_anything_ros.types import OutputKind

# camera_info → what it goes with.
_INFO_OF = {CAMERA_INFO: DEPTH, FUSED_INFO: FUSED}
# As the depth node offers them.
_QUEUE_DEPTH = 3


def wanted_outputs(names: tuple[str, ...]) -> dict[str, Output]:
    """Return topic → output of some topics of the node; camera_info goes with its depth."""
    found: dict[str, Output] = {}
    for topic, output in OUTPUTS.items():
        if topic == PREVIEW and topic in names:
            found[COMPRESSED_PREVIEW] = COMPRESSED_OUTPUTS[COMPRESSED_PREVIEW]
        elif topic in names or _INFO_OF.get(topic) in names:
            found[topic] = output
    return found


def record_bag(
    job: RecordJob, predictor: Predictor, step: Callable[[], object] = lambda: None
) -> BagRecord:
    """
    Record a bag; nothing is at its place unless all of it is.

    Messages are taken in the order of lockstep: in groups around the images, of each the
    references first, then camera_info, the image last; the next group waits until the image is
    done. An image that cannot be used is left out and told.

    :param predictor: the network of `job.config`.
    :param step: called after each image.
    :raises ConfigError: if a remapping is of no input.
    :raises DatasetError: if the bag cannot be read, lacks an input that is needed, or no image of
        it can be used.
    :raises OutputError: if the new bag cannot be written.
    """
    with BagReader(job.bag) as reader:
        warnings: Counter[str] = Counter()
        inputs = find_inputs(reader, job.config, job.remaps, lambda text: warnings.update((text,)))
        recording = _Recording(job, reader, inputs, predictor, warnings)
        with BagWriter(job.out, job.storage, replace=job.replace) as writer:
            return recording.run(writer, step)


def count_images(job: RecordJob) -> int:
    """
    Return how many images of a bag are to be recorded.

    :raises DatasetError: as `record_bag`.
    """
    with BagReader(job.bag) as reader:
        image = find_inputs(reader, job.config, job.remaps, lambda _: None).image
        known = reader.topics[image].count
    return min(job.frames or known, known)


class _Recording:
    def __init__(
        self,
        job: RecordJob,
        reader: BagReader,
        inputs: Inputs,
        predictor: Predictor,
        warnings: Counter[str],
    ) -> None:
        self._job = job
        self._reader = reader
        self._inputs = inputs
        self._prefix = job.node.rstrip('/')
        self._outputs = wanted_outputs(job.outputs)
        self._cloud_rate = RateLimit()
        self._recorder = Recorder(
            job.config,
            predictor,
            inputs,
            BagTransforms(reader, inputs.image),
            asked_for(self._outputs, job.config),
        )
        self._warnings = warnings
        self._messages: Counter[str] = Counter()
        self._rejected: list[Rejection] = []
        self._written = self._metric = 0

    def run(self, writer: BagWriter, step: Callable[[], object]) -> BagRecord:
        start_s = time.perf_counter()
        writer.note(MADE_BY, made_by(self._job.config))
        copied = self._add_topics(writer)
        speed = Speed()
        estimates = Estimates(self._reader, self._inputs, self._recorder)
        with self._lockstep(copied) as lockstep:
            groups = islice(lockstep.groups(), self._job.frames or None)
            for group, found in estimates.of(groups):
                for message in group.in_time():
                    # A message of ROS 1 that cannot be converted has no bytes.
                    if message.topic in copied and message.cdr:
                        writer.write_cdr(message.topic, '', message.cdr, message.time_ns)
                        self._messages[message.topic] += 1
                if isinstance(found, str):
                    self._rejected.append(Rejection(speed.images, group.image.taken_ns, found))
                else:
                    self._write(writer, found, group.image.time_ns)
                speed.step()
                step()
        if not self._written:
            reason = self._rejected[0].reason if self._rejected else 'it holds none'
            raise DatasetError(
                f"no image on '{self._inputs.image}' of bag '{self._job.bag}' can be used: "
                f'{reason}'
            )
        return self._result(speed, time.perf_counter() - start_s)

    def _lockstep(self, copied: frozenset[str]) -> Lockstep:
        inputs = self._inputs
        return Lockstep(self._reader, inputs.image, inputs.topics.values(), copied, _recorded)

    def _add_topics(self, writer: BagWriter) -> frozenset[str]:
        """Say what the new bag holds; return the topics of the old one that are copied."""
        own = {self._topic(name) for name in self._outputs}
        copied: set[str] = set()
        refused: list[str] = []
        for topic in self._reader.topics.values():
            if not (self._job.merge or topic.type_name in TF_TYPES):
                continue
            if not allowed_in_ros2(topic.name):
                refused.append(topic.name)
                continue
            if topic.name in own:
                self._warnings.update((f'{topic.name} of the bag is not copied but made anew',))
                continue
            try:
                writer.add_topic(topic.name, *self._reader.ros2_type(topic.name), topic.qos,
                                 max(topic.count, 1))  # fmt: skip
            except DatasetError as error:
                self._warnings.update((f'topic left out: {error}',))
                continue
            copied.add(topic.name)
        if refused:
            text = f"topics left out whose names ROS 2 does not take, as '{refused[0]}'"
            self._warnings[text] = len(refused)
        for name, output in self._outputs.items():
            writer.add_topic(self._topic(name), output.type_name, depth=_QUEUE_DEPTH)
        return frozenset(copied)

    def _write(self, writer: BagWriter, finished: Finished, time_ns: int) -> None:
        def send(name: str, fields: Any) -> None:
            topic = self._topic(name)
            writer.write(topic, self._outputs[name].type_name, fields, time_ns)
            self._messages[topic] += 1

        due = dict(self._outputs)
        stamp_ns, max_hz = finished.result.frame.stamp_ns, self._job.config.cloud_max_hz
        if POINTS in due and not self._cloud_rate.allows(stamp_ns, max_hz):
            del due[POINTS]
        # The writer makes messages of fields.
        published = send_outputs(finished, due, lambda _, fields: fields, send, {})
        self._written += 1
        self._metric += finished.result.has_metres
        for name, reason in published.failures.items():
            self._recorder.doubts.add(f'no {name}: {reason}')

    def _empty(self) -> tuple[str, ...]:
        """Return the outputs that were named and not given by a single image."""
        named = self._outputs.keys() - _INFO_OF.keys() if self._job.named else ()
        return tuple(sorted(name for name in named if not self._messages[self._topic(name)]))

    def _topic(self, name: str) -> str:
        return f'{self._prefix}/{name.removeprefix("~/")}'

    def _result(self, speed: Speed, duration_s: float) -> BagRecord:
        recorder, job = self._recorder, self._job
        kind = recorder.pipeline.predictor.output_kind
        return BagRecord(
            bag=str(job.bag),
            out=str(job.out),
            images=speed.images,
            written=self._written,
            metric=self._metric,
            sources=job.config.scale.names,
            metric_model=kind is OutputKind.METRIC_DEPTH,
            rejected=tuple(self._rejected),
            no_metric=recorder.no_metric.counts,
            doubts=recorder.doubts.counts,
            references=recorder.references,
            warnings=self._warnings + recorder.warnings.counts,
            messages=dict(sorted(self._messages.items())),
            empty=self._empty(),
            model=recorder.pipeline.predictor.identity,
            duration_s=duration_s,
            rate_hz=speed.rate_hz,
            network_share=speed.network_share,
        )


def _recorded(message: BagMessage) -> Recorded:
    """Return a message for its group; one that cannot be read counts as taken when recorded."""
    try:
        return Recorded.of(message)
    except (DatasetError, MessageError):
        cdr = message.raw if message.reader.is_ros2 else b''
        return Recorded(message.topic, message.log_time_ns, None, bytes(cdr))
