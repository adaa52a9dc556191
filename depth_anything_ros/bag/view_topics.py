"""The topics that a view shows, chosen from those of a bag or those that are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from depth_anything_ros.bag.reader import BagTopic
from depth_anything_ros.bag.topics import (
    COMPRESSED,
    IMAGE,
    cameras_of,
    colour_images,
    find_camera_info,
    images_by_name,
)
from depth_anything_ros.bag.transforms import TF_TYPES
from depth_anything_ros.errors import DatasetError

SCAN = 'sensor_msgs/msg/LaserScan'
POINTS = 'sensor_msgs/msg/PointCloud2'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'


class Role(str, Enum):
    """What a topic is to a view."""

    IMAGE = 'image'
    CAMERA_INFO = 'camera_info'
    DEPTH = 'depth'
    DEPTH_CAMERA_INFO = 'depth_camera_info'
    RELATIVE = 'relative'
    SIGMA = 'sigma'
    CONFIDENCE = 'confidence'
    POINTS = 'points'
    SCAN = 'scan'
    SCALE = 'scale'
    TF = 'tf'


# Those that `find_view_topics` takes from the caller, with the types that they may have.
TOLD_TYPES = {
    Role.IMAGE: (IMAGE, COMPRESSED),
    Role.DEPTH: (IMAGE, COMPRESSED),
    Role.SIGMA: (IMAGE,),
    Role.CONFIDENCE: (IMAGE,),
    Role.POINTS: (POINTS,),
    Role.SCAN: (SCAN,),
    Role.SCALE: (DIAGNOSTICS,),
}
# What the depth node calls its outputs, below its own name, and which tell that it is one.
_OUTPUTS = {
    Role.DEPTH: ('/depth/image_raw', IMAGE),
    Role.RELATIVE: ('/relative/image_raw', IMAGE),
    Role.SCALE: ('/scale', DIAGNOSTICS),
    Role.POINTS: ('/points', POINTS),
    Role.SIGMA: ('/sigma/image_raw', IMAGE),
    Role.CONFIDENCE: ('/confidence/image_raw', IMAGE),
}
# Those that it makes for who subscribes only, beside what it has anyway.
_COSTLY = (Role.POINTS, Role.SIGMA, Role.CONFIDENCE)
_SIGNS = ('/scale', '/relative/image_raw', '/preview/image_raw', '/preview/image_raw/compressed')
_SIGN_TYPES = (IMAGE, COMPRESSED, DIAGNOSTICS)


@dataclass(frozen=True)
class TopicList:
    """
    The topics of a bag or of what is published; `label` names it in errors.

    `costly` tells that a depth node makes clouds, uncertainty and confidence only because
    somebody asks for them.
    """

    label: str
    topics: Mapping[str, BagTopic]
    costly: bool = False


def find_view_topics(source: TopicList, told: Mapping[Role, str]) -> dict[str, Role]:
    """
    Return topic → role of what there is to show.

    What is not told is looked for: the outputs of a depth node, the camera, a laser scan and TF;
    clouds, uncertainty and confidence only where they are there anyway. Without a depth node,
    depth is that of the camera, as `find_topics` finds it.

    :param told: topics by role, those of `TOLD_TYPES`.
    :raises DatasetError: if a topic that is told is missing or of another type, if there is
        neither image nor depth, or if several cameras or depth nodes could be meant.
    """
    for role, name in told.items():
        known = _of_type(source, *TOLD_TYPES[role])
        if name not in known:
            raise DatasetError(
                f"{source.label} has no topic '{name}' that can be the {role.value}; known: "
                f'{", ".join(known) or "none"}'
            )
    node = _depth_node(source, told)
    chosen = {**_outputs(source, node), **told}
    chosen = {**_camera(source, node, chosen), **chosen}
    if not chosen.keys() & {Role.IMAGE, Role.DEPTH, Role.RELATIVE}:
        raise DatasetError(
            f'{source.label} shows neither images nor depth by the names of its topics; '
            f'{_what_to_name(source)}'
        )
    chosen.setdefault(Role.SCAN, _scan(source, node))
    # One camera_info for both is that of the image.
    for role, of in ((Role.DEPTH_CAMERA_INFO, Role.DEPTH), (Role.CAMERA_INFO, Role.IMAGE)):
        chosen[role] = find_camera_info(source, chosen[of]) if of in chosen else ''
    found = {name: role for role, name in chosen.items() if name}
    return found | dict.fromkeys(_of_type(source, *TF_TYPES), Role.TF)


def _depth_node(source: TopicList, told: Mapping[Role, str]) -> str:
    """Return the full name of the depth node whose outputs are meant, '' if there is none."""
    nodes = {
        name.removesuffix(sign)
        for name, topic in source.topics.items()
        for sign in _SIGNS
        if name.endswith(sign) and topic.type_name in _SIGN_TYPES
    }
    ending = _OUTPUTS[Role.DEPTH][0]
    if Role.DEPTH in told:
        nodes &= {told[Role.DEPTH].removesuffix(ending)}
    if len(nodes) > 1:
        words = ' or '.join(f'--depth {name}{ending}' for name in sorted(nodes))
        raise DatasetError(
            f'{source.label} has the outputs of {len(nodes)} depth nodes; name the depth of one: '
            f'{words}'
        )
    return next(iter(nodes), '')


def _outputs(source: TopicList, node: str) -> dict[Role, str]:
    names = {role: (f'{node}{ending}', kind) for role, (ending, kind) in _OUTPUTS.items()}
    return {
        role: name
        for role, (name, kind) in names.items()
        if node and name in source.topics and source.topics[name].type_name == kind
        if not (role in _COSTLY and source.costly)
    }


def _camera(source: TopicList, node: str, chosen: Mapping[Role, str]) -> dict[Role, str]:
    """Return image, and depth where no depth node gives it, of the camera that there is."""
    image, depth = chosen.get(Role.IMAGE, ''), '' if node else chosen.get(Role.DEPTH, '')
    if image and (node or depth):
        return {}
    colors, depths = images_by_name(source)
    cameras = cameras_of(colors, depths, image, depth)
    if image and not cameras:
        return {}
    images = [name for name, _ in cameras] or colour_images(colors)
    if cameras and not node:
        found = [{Role.IMAGE: name, Role.DEPTH: other} for name, other in cameras]
    else:
        own = [name for name in images if node and name.startswith(f'{node}/')]
        found = [{Role.IMAGE: name} for name in dict.fromkeys(images) if name not in own]
    if len(found) > 1:
        words = ' or '.join(f'--image {camera[Role.IMAGE]}' for camera in found)
        raise DatasetError(f'{source.label} has {len(found)} cameras; name the image: {words}')
    return found[0] if found else {}


def _what_to_name(source: TopicList) -> str:
    images = _of_type(source, IMAGE, COMPRESSED)
    if images:
        return f'name one as --image or --depth; topics of images: {", ".join(images)}'
    topics = ', '.join(f'{name} ({topic.type_name})' for name, topic in source.topics.items())
    return f'it has no topic of images, but: {topics or "nothing"}'


def _scan(source: TopicList, node: str) -> str:
    """Return the topic of the laser's scan, else of the depth node's, '' if it is not clear."""
    names = _of_type(source, SCAN)
    others = [name for name in names if name != f'{node}/scan'] or names
    return '/scan' if '/scan' in others else others[0] if len(others) == 1 else ''


def _of_type(source: TopicList, *types: str) -> list[str]:
    return [name for name, topic in source.topics.items() if topic.type_name in types]
