"""Reference messages in, references of the scale sources and poses of the camera out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, reason_of
from depth_anything_ros.geometry.registration import Lookup, RegistrationRule
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import RigidTransform, optical_pose
from depth_anything_ros.motion import MOTION_TOPICS
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.references import Intake, NoImageYetError, ReferenceTopic, Refusing
from depth_anything_ros.scale import SCALE_SOURCES, find_source
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.stream.run_statistics import RunStatistics


class TransformMissingError(AlignmentError):
    """Report frames that TF has not connected so far, as before its first messages."""


class HasPipeline(Protocol):
    """What runs a pipeline."""

    @property
    def pipeline(self) -> DepthPipeline | None:
        """Return the pipeline at work, or None when nothing is loaded."""


def reference_types(config: DepthNodeConfig) -> dict[str, str]:
    """
    Return base topic → message type of what the scale sources and refinements of a config need.

    They are in the order in which those that have come together are served.
    """
    types: dict[str, str] = {}
    for topic, own in config.topics():
        if topic.camera_info:
            types[topic.camera_info] = 'sensor_msgs/msg/CameraInfo'
        types[topic.name] = topic.type_by(own)
    return types


@dataclass(frozen=True, eq=False)
class _Taker:
    """Who takes the messages of a topic in a pipeline (None: nobody), and with what parameters."""

    topic: ReferenceTopic
    own: Callable[[DepthNodeConfig], Any]
    find: Callable[[DepthPipeline], Any]


def _takers() -> Iterator[_Taker]:
    for name, source in SCALE_SOURCES.items():
        for topic in source.references:
            yield _Taker(topic, partial(_own, name), partial(_find, source))
    for topic in MOTION_TOPICS:
        yield _Taker(
            topic, lambda config: config.refinement.motion, lambda pipeline: pipeline.poses
        )


def _own(name: str, config: DepthNodeConfig) -> Any:
    return config.scale.sources[name]


def _find(source: type, pipeline: DepthPipeline) -> Any:
    return find_source(pipeline.scale_source, source)


@dataclass(frozen=True)
class _Surroundings:
    """Where a sensor lies to the camera: see `references.Surroundings`."""

    image_frame_id: str | None
    image_size: tuple[int, int] | None
    rectified: bool
    lookup: Lookup
    depth: DepthRegistration | None

    def place(self, frame_id: str, pose: str, cure: str) -> RigidTransform:
        """Return where a sensor lies in the camera's optical frame."""
        if pose:
            return optical_pose(pose)
        # TF names the camera by the frame of its images.
        if self.image_frame_id is None:
            raise NoImageYetError('no image has come yet')
        if not self.image_frame_id:
            raise AlignmentError(f'images without frame_id have no place in TF; {cure}')
        try:
            return self.lookup(self.image_frame_id, frame_id)
        except AlignmentError as error:
            raise type(error)(f'{error}; or {cure}') from error

    def registration(
        self, frame_id: str, size: tuple[int, int] | None, rule: RegistrationRule
    ) -> Registration | None:
        """Return how a depth image is brought to the image, or None where it is registered."""
        # How depth lies to the image follows from the frames of both.
        if self.image_frame_id is None and rule.mode != 'registered':
            raise NoImageYetError('no image has come yet')
        assert self.depth is not None, 'a topic of depth images declares its camera_info'
        sizes = size, self.image_size
        return self.depth.of(frame_id, self.image_frame_id or '', rule, self.rectified, sizes)


class References:
    """
    Give reference messages to those that take them; a bad one is counted and the next one taken.

    :param host: has the pipeline.
    :param lookup: returns the second frame in the first, from TF; see `TransformLookup.lookup`.
    :param registrations: base topic of depth images → how they lie to the image.
    :param statistics: told what became of each reference.
    :param config: gives the parameters in force.
    :param watched: tells whether anybody wants depth; while nobody does, only the newest message
        of each topic is kept.
    :param warn: writes to the log, throttled.
    """

    def __init__(
        self,
        host: HasPipeline,
        lookup: Lookup,
        registrations: Mapping[str, DepthRegistration],
        statistics: RunStatistics,
        config: Callable[[], DepthNodeConfig],
        watched: Callable[[], bool],
        warn: Callable[[str], object],
    ) -> None:
        self._host = host
        self._lookup = lookup
        self._registrations = registrations
        self._takers: dict[str, list[_Taker]] = {}
        self._calibrations: dict[str, CameraInput] = {}
        for taker in _takers():
            topic = taker.topic
            self._takers.setdefault(topic.name, []).append(taker)
            if topic.camera_info:
                self._calibrations[topic.camera_info] = registrations[topic.name].depth
        self._intakes: dict[_Taker, Intake] = {}
        self._statistics = statistics
        self._config = config
        self._watched = watched
        self._warn = warn
        self._newest: dict[str, Any] = {}
        self.image_frame_id: str | None = None  # before the first image
        self._image_size: tuple[int, int] | None = None
        self._waiting: set[str] = set()
        self._early: dict[str, Any] = {}

    @property
    def doubt(self) -> str:
        """Return why the references that were looked at last cannot be right, or ''."""
        return '; '.join(filter(None, (intake.doubt for intake in self._intakes.values())))

    def forget(self) -> None:
        """Forget the newest messages, as when nothing is subscribed to any more."""
        self._newest.clear()
        self._waiting.clear()
        self._early.clear()
        self._intakes.clear()

    def add(self, topic: str, message: Any) -> None:
        """Take a message of one of the topics of `topics_of`."""
        self._newest[topic] = message
        if self._watched():
            self._use(topic, message)

    def catch_up(self) -> None:
        """Use the newest messages now, where nobody watched when they came."""
        if not self._watched():
            for topic, message in list(self._newest.items()):
                self._use(topic, message)

    def refuse(self, reason: str) -> None:
        """Count and report a reference that cannot be used."""
        self._statistics.reference(reason)
        self._warn(f'reference rejected: {reason}')

    def see_image(self, frame_id: str, size: tuple[int, int] | None = None) -> None:
        """
        Take note of an image; the first one lets in what waited for it.

        :param frame_id: its frame.
        :param size: its (H, W), None where it is not known.
        """
        self.image_frame_id, self._image_size = frame_id, size
        waiting, self._waiting = self._waiting, set()
        for topic in waiting:
            self._use(topic, self._newest[topic])

    def _use(self, topic: str, message: Any) -> None:
        try:
            taken = self._take(topic, message)
        except NoImageYetError:
            self._waiting.add(topic)
        except TransformMissingError as error:
            self._await_tf(topic, message, f'{topic}: {error}')
        except Exception as error:  # noqa: BLE001 - the next good reference must be taken
            self.refuse(f'{topic}: {reason_of(error)}')
        else:
            if taken:
                self._statistics.reference()

    def _await_tf(self, topic: str, message: Any, reason: str) -> None:
        """Keep a message that came before TF knew its frame for the next image."""
        self._waiting.add(topic)
        if self._early.get(topic) is not message:
            self._early[topic] = message
            self._statistics.early_reference(reason)
            self._warn(f'reference waits for TF: {reason}')

    def _take(self, topic: str, message: Any) -> bool:
        """Give a message to those at work that measure with it; False if there are none."""
        if topic in self._calibrations:
            self._calibrations[topic].update(message)
            return False
        pipeline, config = self._host.pipeline, self._config()
        around = _Surroundings(
            self.image_frame_id,
            self._image_size,
            config.image_is_rectified,
            self._lookup,
            self._registrations.get(topic),
        )
        taken = False
        for taker in self._takers[topic]:
            found, own = taker.find(pipeline) if pipeline else None, taker.own(config)
            if found is not None and taker.topic.needed(own):
                if taker not in self._intakes:
                    self._intakes[taker] = taker.topic.intake()
                with _noted(found):
                    doubt = self._intakes[taker].take(found, message, own, around)
                if doubt:
                    self._warn(doubt)
                taken = True
        return taken


@contextmanager
def _noted(found: Any) -> Iterator[None]:
    """Let whoever measures with a reference know why it could not be taken in."""
    try:
        yield
    except (NoImageYetError, TransformMissingError):
        raise
    except Exception as error:
        if isinstance(found, Refusing):
            found.refuse(reason_of(error))
        raise
