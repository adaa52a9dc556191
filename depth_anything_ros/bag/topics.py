"""The topics of an RGB-D camera in a bag: found by the names that drivers give, or as told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from depth_anything_ros.bag.reader import BagReader, BagTopic
from depth_anything_ros.errors import DatasetError

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'

# What image_transport appends to the name of a topic.
_COLOR_TRANSPORTS = ('', '/compressed')
_DEPTH_TRANSPORTS = ('', '/compressedDepth', '/compressed')

# Endings of colour and depth under one prefix; of several that a camera has, the first counts.
_DRIVERS = (
    # IntelRealSense/realsense-ros, README: depth with align_depth, and as the sensor sees it.
    ('/color/image_raw', '/aligned_depth_to_color/image_raw'),
    # orbbec/OrbbecSDK_ROS2, ob_camera_node.cpp (setupPublishers); the WHEELTEC R550 too.
    ('/color/image_raw', '/depth/image_raw'),
    ('/color/image_raw', '/depth/image_rect_raw'),
    # luxonis/depthai-ros, depthai_ros_driver: stereo.cpp names depth, as realsense-ros on demand.
    ('/rgb/image_raw', '/stereo/image_raw'),
    ('/rgb/image_rect', '/stereo/image_raw'),
    # stereolabs/zed-ros2-wrapper, zed_camera_component_video_depth.cpp, now and before 5.1.
    ('/rgb/color/rect/image', '/depth/depth_registered'),
    ('/rgb/image_rect_color', '/depth/depth_registered'),
    ('/left/image_rect_color', '/depth/depth_registered'),
    # ros-drivers/openni2_camera, rgbd_launch: depth registered by the sensor.
    ('/rgb/image_raw', '/depth_registered/image_raw'),
    ('/rgb/image_raw', '/depth/image_raw'),
)

# Words in the names of images that are neither colour nor depth, but for digits at their end.
_OTHER_WORDS = {
    'ir', 'infra', 'confidence', 'disparity', 'mask', 'preview', 'passthrough', 'sigma',
}  # fmt: skip


# Source: design.ros2.org/articles/topic_and_service_names.html; ROS 1 allowed more.
_ROS2_TOPIC = re.compile(r'(/[A-Za-z_]\w*)+', re.ASCII)


def allowed_in_ros2(name: str) -> bool:
    """Return whether ROS 2 takes the full name of a topic."""
    return bool(_ROS2_TOPIC.fullmatch(name)) and '__' not in name


class Naming(NamedTuple):
    """How a user says which topics are meant: where, with which words for both or the image."""

    place: str
    form: str
    image_form: str

    def words(self, image: str, depth: str) -> str:
        """Return what to write for two topics."""
        return self.form.format(image=image, depth=depth)


BEHIND_PATH = Naming('behind the path', ',image={image},depth={depth}', ',image={image}')


class HasTopics(Protocol):
    """What topics are looked for in: a bag, or what is published."""

    @property
    def topics(self) -> Mapping[str, BagTopic]:
        """Return name → topic."""


@dataclass(frozen=True)
class RgbdTopics:
    """
    Name the topics of an RGB-D camera; the defaults are those of the WHEELTEC R550.

    A camera_info that a bag does not have is ''.
    """

    image: str = '/camera/color/image_raw'
    camera_info: str = '/camera/color/camera_info'
    depth: str = '/camera/depth/image_raw'
    depth_camera_info: str = '/camera/depth/camera_info'

    def compressed(self) -> RgbdTopics:
        """Return what image_transport calls the same topics of JPEG images and PNG depth."""
        image, depth = f'{self.image}/compressed', f'{self.depth}/compressedDepth'
        return replace(self, image=image, depth=depth)


def find_topics(
    reader: BagReader,
    image: str = '',
    depth: str = '',
    camera_info: str = '',
    depth_camera_info: str = '',
    naming: Naming = BEHIND_PATH,
) -> RgbdTopics:
    """
    Return the topics of image and depth in a bag, and those of their calibration.

    Where both are not told, the names that drivers give are looked for, with any prefix, then
    for the only topic of depth and the only one of colour. Raw images go before compressed
    ones. Calibration is looked for as image_transport names it, beside the images.

    :param image: of the image, with or without the ending of its transport; '' finds it.
    :param depth: of the depth, likewise.
    :param camera_info: of the image's calibration.
    :param depth_camera_info: of the depth's calibration.
    :param naming: how a user names topics, for messages.
    :raises DatasetError: if a topic is not in the bag or of another type, or it is not clear
        which ones are meant; the message lists what can be meant.
    """
    colors, depths = images_by_name(reader)
    if image:
        image = _told(reader, image, colors)
    if depth:
        depth = _told(reader, depth, depths)
    if not (image and depth):
        image, depth = _choose(reader, image, depth, colors, depths, naming)
    for name in filter(None, (camera_info, depth_camera_info)):
        require_type(reader, name, (CAMERA_INFO,))
    return RgbdTopics(
        image,
        camera_info or find_camera_info(reader, image),
        depth,
        depth_camera_info or find_camera_info(reader, depth),
    )


def find_image(reader: BagReader, image: str = '', naming: Naming = BEHIND_PATH) -> str:
    """
    Return the topic of the images in a bag, with depth or without.

    :param image: as `find_topics` takes it; '' finds the image of a camera with depth, else the
        only topic of colour.
    :raises DatasetError: as `find_topics`.
    """
    colors = _by_name(reader, _COLOR_TRANSPORTS)
    if image:
        return _told(reader, image, colors)
    depths = _by_name(reader, _DEPTH_TRANSPORTS)
    if any(_looks(name, depth=True) for name in depths):
        return _choose(reader, '', '', colors, depths, naming)[0]
    found = [topic for name, topic in colors.items() if _looks(name, depth=False)]
    if len(found) == 1:
        return found[0]
    if not colors:
        topics = ', '.join(f'{item.name} ({item.type_name})' for item in reader.topics.values())
        raise DatasetError(f"bag '{reader.path}' has no topic of images; its topics: {topics}")
    words = ' or '.join(
        f"'{naming.image_form.format(image=topic)}'" for topic in found or colors.values()
    )
    raise DatasetError(
        f"bag '{reader.path}' has {len(found)} topics of images that are colour by their names; "
        f'name one {naming.place}: {words}'
    )


def transport_of(topic: BagTopic) -> str:
    """Return how the images of a topic come, as nodes name it: `raw` or the word of the name."""
    if topic.type_name == IMAGE:
        return 'raw'
    word = topic.name.rpartition('/')[2]
    return word if word == 'compressedDepth' else 'compressed'


def require_type(reader: BagReader, name: str, type_names: tuple[str, ...]) -> None:
    """
    Check that a topic is in a bag and of one of some types.

    :raises DatasetError: if it is not.
    """
    topic = reader.require_topic(name)
    if topic.type_name not in type_names:
        fitting = [item.name for item in reader.topics.values() if item.type_name in type_names]
        raise DatasetError(
            f"topic '{name}' in bag '{reader.path}' is {topic.type_name}; allowed: "
            f'{", ".join(type_names)}, as {", ".join(fitting) or "no topic of this bag"}'
        )


def find_camera_info(reader: HasTopics, image: str) -> str:
    """Return the topic of the calibration of images, '' if there is none."""
    base = _base(image, _DEPTH_TRANSPORTS)
    beside, _, last = base.rpartition('/')
    # The last are those of the files that the RealSense viewer records.
    candidates = [f'{beside}/camera_info', f'{base}/camera_info']
    if last == 'data':
        candidates.append(f'{beside.rpartition("/")[0]}/info/camera_info')
    for name in candidates:
        if name in reader.topics and reader.topics[name].type_name == CAMERA_INFO:
            return name
    return ''


def _choose(
    reader: BagReader,
    image: str,
    depth: str,
    colors: dict[str, str],
    depths: dict[str, str],
    naming: Naming,
) -> tuple[str, str]:
    """
    Return topics of image and depth, where at most one is told.

    :param colors: name without transport → topic.
    :param depths: likewise, with the transport that depth is best read from.
    """
    found = cameras_of(colors, depths, image, depth)
    if len(found) == 1:
        return found[0]
    if not found:
        known = ', '.join(dict.fromkeys((*colors.values(), *depths.values()))) or 'none'
        raise DatasetError(
            f"bag '{reader.path}' shows no camera with image and depth by its topics; name them "
            f'{naming.place} as {naming.words("TOPIC", "TOPIC")}; its topics of images: {known}'
        )
    words = ' or '.join(f"'{naming.words(*pair)}'" for pair in found)
    raise DatasetError(
        f"bag '{reader.path}' has {len(found)} cameras; name one {naming.place}: {words}"
    )


def images_by_name(source: HasTopics) -> tuple[dict[str, str], dict[str, str]]:
    """Return name without transport → topic of images, as colour and as depth is best read."""
    return _by_name(source, _COLOR_TRANSPORTS), _by_name(source, _DEPTH_TRANSPORTS)


def cameras_of(
    colors: Mapping[str, str], depths: Mapping[str, str], image: str = '', depth: str = ''
) -> list[tuple[str, str]]:
    """
    Return the topics of image and depth of each camera, by the names that drivers give.

    Where none has such names, all that look like colour go with all that look like depth.

    :param colors: and `depths` are as `images_by_name` returns them.
    :param image: the topic of the image, where it is told.
    :param depth: likewise.
    """
    cameras: dict[str, tuple[str, str]] = {}
    for color_end, depth_end in _DRIVERS:
        for name in colors:
            prefix = name.removesuffix(color_end)
            if name.endswith(color_end) and f'{prefix}{depth_end}' in depths:
                cameras.setdefault(prefix, (colors[name], depths[f'{prefix}{depth_end}']))
    found = _fitting(cameras.values(), image, depth)
    if not found:
        depth_likes = [topic for name, topic in depths.items() if _looks(name, depth=True)]
        found = [
            (color, other)
            for color in ([image] if image else colour_images(colors))
            for other in ([depth] if depth else depth_likes)
            if color != other
        ]
    return found


def colour_images(colors: Mapping[str, str]) -> list[str]:
    """Return the topics that look like colour by their names."""
    return [topic for name, topic in colors.items() if _looks(name, depth=False)]


def _fitting(pairs: Iterable[tuple[str, str]], image: str, depth: str) -> list[tuple[str, str]]:
    """Return the pairs with the topics that are told; where one is not in any, none."""
    return [pair for pair in pairs if image in ('', pair[0]) and depth in ('', pair[1])]


def _by_name(source: HasTopics, transports: tuple[str, ...]) -> dict[str, str]:
    """Return name without transport → topic of images, of the first transport there is."""
    found: dict[str, str] = {}
    for transport in transports:
        kind = COMPRESSED if transport else IMAGE
        for topic in source.topics.values():
            if topic.type_name == kind and topic.name.endswith(transport):
                found.setdefault(topic.name.removesuffix(transport), topic.name)
    return found


def _told(reader: BagReader, name: str, known: dict[str, str]) -> str:
    """Return the topic of a name that may leave out the transport."""
    if name not in reader.topics and name in known:
        return known[name]
    require_type(reader, name, (IMAGE, COMPRESSED))
    return name


def _base(topic: str, transports: tuple[str, ...]) -> str:
    for transport in filter(None, transports):
        if topic.endswith(transport):
            return topic.removesuffix(transport)
    return topic


def _looks(name: str, *, depth: bool) -> bool:
    """Return whether a topic looks like one of depth, or of colour, by its name."""
    words = {part.rstrip('0123456789') for part in re.split('[/_]', name.lower())}
    return ('depth' in name.lower()) == depth and not words & _OTHER_WORDS
