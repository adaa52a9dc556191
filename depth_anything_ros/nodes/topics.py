"""
Names of the topics that images and their calibration come on, as image_transport has them.

What is returned is the name to subscribe with; `Node.resolve_topic_name` gives the topic behind
it. A name that was resolved already would be remapped a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol

from sensor_msgs.msg import CompressedImage, Image

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.motion import MOTION_TOPICS
from depth_anything_ros.parameters import DEPTH_TRANSPORTS, IMAGE_TRANSPORTS
from depth_anything_ros.references import RAW, ReferenceTopic
from depth_anything_ros.scale import SCALE_SOURCES
from depth_anything_ros.stream.references import reference_types


class Graph(Protocol):
    """What is asked of an rclpy node."""

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the full name of a topic, remapped or not."""

    def get_publishers_info_by_topic(self, topic_name: str) -> list[Any]:
        """Return what publishes a topic; the name is resolved."""


def image_type(transport: str) -> type:
    """Return the message class of images that come by a transport."""
    return Image if transport == RAW else CompressedImage


def image_name(node: Graph, base: str, transport: str = RAW) -> str:
    """
    Return the name to subscribe to an image with.

    As in image_transport the transport follows the remapped base: with `image:=/cam/color` a
    compressed image is expected on `/cam/color/compressed`. A remapping of `image/compressed`
    itself wins.

    :param base: relative name of the raw image.
    :param transport: `raw`, or the last part of the topic: `compressed`, `compressedDepth`.
    """
    if transport == RAW:
        return base
    own = f'{base}/{transport}'
    return own if _is_remapped(node, own) else f'{node.resolve_topic_name(base)}/{transport}'


def split_transport(topic: str) -> tuple[str, str]:
    """Return the topic of an image without its transport, and the transport."""
    base, _, last = topic.rpartition('/')
    transports = (*IMAGE_TRANSPORTS, *DEPTH_TRANSPORTS)
    return (base, last) if last in transports and last != RAW else (topic, RAW)


def camera_info_name(node: Graph, base: str, own: str = '') -> str:
    """
    Return the name to subscribe to the calibration of an image with.

    It is `camera_info` beside the remapped image; a remapping of `own` wins.

    :param base: relative name of the raw image.
    :param own: the calibration's relative name; '' is `camera_info` beside the base.
    Source: getCameraInfoTopic of image_transport.
    """
    own = own or _beside(base)
    follows = _is_remapped(node, base) and not _is_remapped(node, own)
    return _beside(node.resolve_topic_name(base)) if follows else own


def input_names(node: Graph, config: DepthNodeConfig) -> dict[str, str]:
    """Return base topic → name to subscribe with for every input of the depth node."""
    names = {
        'image': image_name(node, 'image', config.image_transport),
        'camera_info': camera_info_name(node, 'image'),
    }
    for topic, own in reference_topics(config):
        names[topic.name] = image_name(node, topic.name, topic.transport_by(own))
        if topic.camera_info:
            names[topic.camera_info] = camera_info_name(node, topic.name)
    return names


def reference_topics(config: DepthNodeConfig) -> Iterator[tuple[ReferenceTopic, Any]]:
    """Return every topic of references that there may be, with the parameters of its intake."""
    for name, source in SCALE_SOURCES.items():
        yield from ((topic, config.scale.sources[name]) for topic in source.references)
    yield from ((topic, config.refinement.motion) for topic in MOTION_TOPICS)


def topics_of(config: DepthNodeConfig) -> dict[str, type]:
    """
    Return base topic → message class of the references that a config needs.

    :raises ConfigError: if the package of one is not installed that cannot be done without.
    """
    optional = {topic.name for topic, own in config.topics() if topic.optional(own)}
    topics = {}
    for base, type_name in reference_types(config).items():
        found = find_message_type(type_name)
        if found is not None:
            topics[base] = found
        elif base not in optional:
            raise ConfigError(f"topic '{base}' needs {type_name}, which is not installed")
    return topics


def needs_tf(config: DepthNodeConfig) -> bool:
    """Return whether TF may be asked where the sensor of a reference is."""
    return any(topic.needs_tf(own) for topic, own in config.topics())


def find_message_type(name: str) -> type | None:
    """Return the class of 'package/msg/Type', or None where the package is not installed."""
    package, _, kind = name.partition('/msg/')
    try:
        return getattr(import_module(f'{package}.msg'), kind, None)
    except ImportError:
        return None


def has_header(message_type: Any) -> bool:
    """Return whether messages of a class have a header with a stamp."""
    return 'header' in message_type.get_fields_and_field_types()


def input_hint(node: Graph, base: str, config: DepthNodeConfig) -> str:
    """Return :func:`missing_image_hint` of an input of the depth node, '' if it is no image."""
    if base == 'image':
        transport = config.image_transport
        return missing_image_hint(node, base, transport, 'image_transport', IMAGE_TRANSPORTS)
    for topic, own in reference_topics(config):
        if topic.name == base and topic.transport:
            transport, name = topic.transport_by(own), topic.transport
            return missing_image_hint(node, base, transport, name, (RAW, *topic.transports))
    return ''


def missing_image_hint(
    node: Graph, base: str, transport: str, parameter: str, transports: tuple[str, ...]
) -> str:
    """
    Return why nothing can come on the topic of an image, as far as the graph tells, or ''.

    :param base: relative name of the raw image.
    :param transport: how it is expected to come.
    :param parameter: name of the parameter that says so.
    :param transports: what the parameter may be.
    """
    there = {
        other: node.resolve_topic_name(name)
        for other in transports
        for name in (image_name(node, base, other),)
        if _type_name(other) in _types(node, name)
    }
    if transport in there:
        return ''
    if _type_name('compressed') in _types(node, base):
        full = node.resolve_topic_name(base)
        return (
            f"'{base}' is remapped to {full}, which is compressed: leave out its last part and "
            f'set {parameter} to {full.rpartition("/")[2]}'
        )
    for other, topic in there.items():
        return f'{topic} is published instead: set {parameter} to {other}'
    return 'nobody publishes it'


def _type_name(transport: str) -> str:
    return f'sensor_msgs/msg/{image_type(transport).__name__}'


def _types(node: Graph, name: str) -> set[str]:
    """Return the types under which a topic is published."""
    return {str(item.topic_type) for item in node.get_publishers_info_by_topic(name)}


def _is_remapped(node: Graph, name: str) -> bool:
    return node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True)


def _beside(topic: str) -> str:
    folder, slash, _ = topic.rpartition('/')
    return f'{folder}{slash}camera_info'
