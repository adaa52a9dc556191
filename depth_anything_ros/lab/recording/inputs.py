"""Which topics of a bag the depth node's inputs are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from depth_anything_ros.bag import BagReader, find_camera_info, find_image, find_topics
from depth_anything_ros.bag.topics import CAMERA_INFO as INFO_TYPE
from depth_anything_ros.bag.topics import COMPRESSED, Naming, require_type
from depth_anything_ros.bag.topics import IMAGE as IMAGE_TYPE
from depth_anything_ros.bag.transforms import TF_TYPES
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.motion import MOTION_TOPICS
from depth_anything_ros.motion.config import AUTO, ODOM
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.scale import SCALE_SOURCES
from depth_anything_ros.stream.references import reference_types

IMAGE, CAMERA_INFO = 'image', 'camera_info'
_RAW = 'raw'
_NAMING = Naming(
    'by options', '-r image:={image} -r reference/depth:={depth}', '-r image:={image}'
)


@dataclass(frozen=True)
class Inputs:
    """
    Base name of an input → topic of the bag, in the order in which the node serves them.

    An input that the bag does not have is not in it.
    """

    topics: Mapping[str, str]

    @property
    def image(self) -> str:
        """Return the topic of the images."""
        return self.topics[IMAGE]

    def topic(self, base: str) -> str:
        """Return the topic of an input, or words for one that the bag does not have."""
        return self.topics.get(base) or f'{base} (not in the bag)'

    def bases(self) -> dict[str, list[str]]:
        """Return topic → the inputs that it is read for, the image left out."""
        found: dict[str, list[str]] = {}
        for base, topic in self.topics.items():
            if base != IMAGE:
                found.setdefault(topic, []).append(base)
        return found


def find_inputs(
    reader: BagReader,
    config: DepthNodeConfig,
    remaps: Mapping[str, str],
    warn: Callable[[str], None],
) -> Inputs:
    """
    Find the inputs that the parameters ask for.

    :param remaps: base name → topic, as ROS remaps them; the others are found by the names that
        drivers give, and by their type where the bag has only one topic of it.
    :param warn: told what a fallback lacks, and which remapping is not used.
    :raises ConfigError: if a remapping is of no input.
    :raises DatasetError: if the bag lacks an input that is needed, one that is told is of another
        type, or it is not clear which of its topics is meant.
    """
    _check_names(remaps)
    image = _of_transport(
        reader, find_image(reader, remaps.get(IMAGE, ''), _NAMING), config.image_transport
    )
    found: dict[str, str] = {}
    for place, name in enumerate(config.scale.names):
        own = config.scale.sources[name]
        for topic in SCALE_SOURCES[name].references:
            if not topic.needed(own):
                continue
            try:
                found[topic.name] = _find_reference(reader, topic, own, image, remaps)
            except DatasetError as error:
                if place == 0:
                    raise
                warn(f'scale_fallbacks: {name} has nothing to go by: {error}')
                continue
            if topic.camera_info:
                info = remaps.get(topic.camera_info) or find_camera_info(reader, found[topic.name])
                found[topic.camera_info] = info
    found.update(_find_motion(reader, config, image, remaps, warn))
    found[CAMERA_INFO] = remaps.get(CAMERA_INFO) or find_camera_info(reader, image)
    found[IMAGE] = image
    types = {**reference_types(config), CAMERA_INFO: INFO_TYPE, IMAGE: IMAGE_TYPE}
    for base, told in remaps.items():
        if base in found:
            require_type(reader, found[base], _alike(types[base]))
        else:
            warn(f"'{base}:={told}' is not used: nothing at work reads '{base}'")
    order = (*reference_types(config), CAMERA_INFO, IMAGE)
    return Inputs({base: found[base] for base in order if found.get(base)})


def _find_motion(
    reader: BagReader,
    config: DepthNodeConfig,
    image: str,
    remaps: Mapping[str, str],
    warn: Callable[[str], None],
) -> dict[str, str]:
    """
    Return the topics that tell how the camera moves, and tell what was asked for in vain.

    :raises DatasetError: if there are none, and scale_source goes by them.
    """
    lacking: list[DatasetError] = []
    for topic, own in config.motion_topics():
        try:
            # Of two that tell, the first is read; what it tells wrong is counted and shown.
            return {topic.name: _find_reference(reader, topic, own, image, remaps)}
        except DatasetError as error:
            lacking.append(error)
            if unclear := bool(_fitting(reader, topic)):
                break
    if not lacking:
        return {}
    told = str(lacking[0])
    if own.motion_source == ODOM:
        told += "; motion_source 'tf' goes by TF instead"
    elif own.motion_source == AUTO and not unclear:
        told += (
            '; nor has it /tf, which tells how the robot moves, as /tf_static does not: record '
            'odometry or /tf beside the images'
        )
    if replace(config.scale, scale_fallbacks='').follows_camera:
        raise DatasetError(told) from lacking[0]
    # What nobody asked for is not missed; which of several it is has to be said.
    if own.required or config.scale.follows_camera or unclear:
        warn(f'the motion of the camera is not known: {told}')
    return {}


def _check_names(remaps: Mapping[str, str]) -> None:
    known = [IMAGE, CAMERA_INFO]
    of_scale = chain.from_iterable(source.references for source in SCALE_SOURCES.values())
    for topic in (*of_scale, *MOTION_TOPICS):
        known += filter(None, (topic.name, topic.camera_info))
    for base in remaps:
        if base not in known:
            raise ConfigError(f"no input is called '{base}'; known: {', '.join(known)}")


def _find_reference(
    reader: BagReader, topic: ReferenceTopic, own: Any, image: str, remaps: Mapping[str, str]
) -> str:
    told = remaps.get(topic.name, '')
    if topic.transport:
        depth = find_topics(reader, image, told, naming=_NAMING).depth
        return _of_transport(reader, depth, str(getattr(own, topic.transport)))
    if told:
        return told
    fitting = _fitting(reader, topic)
    if len(fitting) == 1:
        return fitting[0]
    named = f'/{topic.name.removeprefix("/")}'
    if named in fitting:
        return named
    if not fitting:
        raise DatasetError(
            f"bag '{reader.path}' has no {topic.message} for '{topic.name}'; its topics: "
            f'{", ".join(reader.topics)}'
        )
    words = ' or '.join(f'-r {topic.name}:={name}' for name in fitting)
    raise DatasetError(
        f"bag '{reader.path}' has {len(fitting)} topics of {topic.message}; say which is "
        f"'{topic.name}': {words}"
    )


def _fitting(reader: BagReader, topic: ReferenceTopic) -> list[str]:
    """Return the topics of a bag that have the type of a reference, and a fixed name if it has."""
    # Of TF, /tf_static has the type of /tf; robots put both into namespaces.
    ending, types = topic.name if topic.name.startswith('/') else '', _alike(topic.message)
    return [
        item.name
        for item in reader.topics.values()
        if item.type_name in types and item.name.endswith(ending)
    ]


def _alike(type_name: str) -> tuple[str, ...]:
    """Return the types of messages that are read as those of a type are."""
    kinds = TF_TYPES, (IMAGE_TYPE, COMPRESSED)
    return next((kind for kind in kinds if type_name in kind), (type_name,))


def _of_transport(reader: BagReader, found: str, transport: str) -> str:
    """Return the topic of the same images by the transport that the parameters name, if any."""
    other = f'{found}/{transport}'
    return other if transport != _RAW and other in reader.topics else found
