"""How large the messages of a node are, and whether shared memory holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError, DepthAnythingError
from depth_anything_ros.nodes.overrides import full_name, given_values
from depth_anything_ros.parameters import from_mapping, parameter_infos
from depth_anything_ros.stream.encoders import (
    CONFIDENCE,
    DEPTH,
    FUSED,
    FUSED_SOURCE,
    POINTS,
    PREVIEW,
    RELATIVE,
    SIGMA,
)

if TYPE_CHECKING:
    from depth_anything_ros.bag import BagReader

# Measured: messages of 0.66 times the segment arrive, of 0.75 and 0.89 times some get lost.
_ROOM = 1.5


def message_bytes(height: int, width: int, config: DepthNodeConfig) -> dict[str, int]:
    """Return topic → bytes of what is published for an image of a size, the large ones alone."""
    pixels = height * width
    rows, columns = -(-height // config.cloud_stride), -(-width // config.cloud_stride)
    depth_bytes = 2 if config.depth_encoding == '16UC1' else 4
    return {
        RELATIVE: 4 * pixels,
        DEPTH: depth_bytes * pixels,
        FUSED: depth_bytes * pixels,
        FUSED_SOURCE: pixels,
        SIGMA: 4 * pixels,
        CONFIDENCE: 4 * pixels,
        PREVIEW: 3 * pixels,
        POINTS: 16 * rows * columns,
    }


def oversized(
    size: tuple[int, int], segment: int, wanted: Iterable[str], config: DepthNodeConfig
) -> str:
    """
    Return which messages are too large for the shared-memory segment, and the cure, or ''.

    :param size: height and width of the images.
    :param segment: bytes.
    :param wanted: topics that somebody subscribes to.
    """
    sizes = message_bytes(*size, config)
    found = [topic for topic in sizes if topic in wanted and _ROOM * sizes[topic] > segment]
    if not found:
        return ''
    listed = ', '.join(f'{topic} of {sizes[topic] / 1e6:.1f} MB' for topic in found)
    height, width = size
    expected = config.warmup_height >= height and config.warmup_width >= width
    cure = (
        'give /dev/shm more room (docker: --shm-size)'
        if expected
        else f'start with warmup_width:={width} warmup_height:={height}'
    )
    room = f'{segment >> 20} MiB of shared memory'
    return f'{listed} may get lost, as they go through {room}: {cure}'


def largest_message(arguments: Sequence[str]) -> int:
    """Return the bytes of the largest message for images of the size that is warmed up for."""
    return largest_of_node(full_name('depth_node', arguments), arguments)


def largest_of_node(own_name: str, arguments: Sequence[str]) -> int:
    """
    Return the bytes of the largest message of the depth node of that full name.

    :param arguments: command line of its process.
    """
    known = parameter_infos(DepthNodeConfig)
    given = given_values(own_name, arguments)
    try:
        config = from_mapping(
            DepthNodeConfig, {name: value for name, value in given.items() if name in known}
        )
    except ConfigError:
        return 0  # told when the node declares its parameters
    return max(message_bytes(config.warmup_height, config.warmup_width, config).values())


def largest_of_bag(node: str, arguments: Sequence[str]) -> int:
    """Return the bytes of the largest first message on a topic of the bag that a node plays."""
    # Here, as the depth node asks for its own alone and starts without reading bags.
    from depth_anything_ros.bag import BagReader

    path = given_values(full_name(node, arguments), arguments).get('bag', '')
    try:
        with BagReader(str(path)) as reader:
            return max((_first_bytes(reader, topic) for topic in reader.topics), default=0)
    except DepthAnythingError:
        return 0  # told when the node opens it


def _first_bytes(reader: BagReader, topic: str) -> int:
    return next((len(message.raw) for message in reader.messages([topic])), 0)
