"""The bag that the demo plays: its topics, and how its depth is read and lies to the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import write_line, write_warning
from depth_anything_ros.cli.data_argument import split_options
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.parameters import MILLIMETRES

if TYPE_CHECKING:
    from depth_anything_ros.geometry.reprojection import Registration

_NAME = 'bag'


@dataclass(frozen=True)
class ImageTopic:
    """Name a topic of images as the bag has it, how they come and the topic of calibration."""

    name: str
    transport: str
    camera_info: str

    def remaps(self, base: str, info: str) -> dict[str, str]:
        """Return what leads the inputs of a node to the topics; calibration only if there is."""
        name = base if self.transport == 'raw' else f'{base}/{self.transport}'
        return {name: self.name, **({info: self.camera_info} if self.camera_info else {})}


@dataclass(frozen=True)
class DemoBag:
    """
    What nodes are told of a bag.

    `images` is how many are played; `registration` is None where depth is registered; `unit` is
    that of integer depth; `rectified` says whether the images are.
    """

    path: Path
    image: ImageTopic
    depth: ImageTopic
    images: int
    registration: Registration | None
    unit: str
    rectified: bool = True

    def remaps(self, depth: str, depth_info: str) -> dict[str, str]:
        """Return what leads a node's inputs to image and depth, by the names it has for depth."""
        return {
            **self.image.remaps('image', 'camera_info'),
            **self.depth.remaps(depth, depth_info),
        }

    def depth_parameters(self, prefix: str) -> dict[str, str]:
        """
        Return the parameters about measured depth, whose names begin with `prefix`.

        Where it lies is told as a pose: TF is not to be had without a ROS installation, and in
        the bag it was looked up already.
        """
        from depth_anything_ros.geometry.transform import pose_text

        found = self.registration
        return {
            f'{prefix}_transport': self.depth.transport,
            f'{prefix}_depth_unit': self.unit,
            f'{prefix}_registration': 'registered' if found is None else 'unregistered',
            f'{prefix}_pose': '' if found is None else pose_text(found.target_from_source),
        }


def open_bag(word: str) -> DemoBag:
    """
    Find image and depth in a bag.

    :param word: its path, with options behind it as in data words.
    :raises ConfigError: if an option is unknown, or the unit is none or one of metres.
    :raises DatasetError: if the bag cannot be read, has no image with depth, or its depth is not
        registered and cannot be.
    """
    from depth_anything_ros.bag import BagReader, transport_of
    from depth_anything_ros.lab.datasets import bag as bags
    from depth_anything_ros.lab.datasets import options_of

    place, options = split_options(word, options_of(_NAME), 'the bag')
    path = expand_user(place)
    dataset = bags.open_bag(path, 'all', **options)
    if dataset.warning:
        write_warning(dataset.warning)
    if 'unit' in options and not dataset.integers:
        raise ConfigError(
            f"depth of '{path}' is stored as 32FC1, which nodes take as metres whatever the unit; "
            f"leave ',unit={options['unit']}' out, or have it converted"
        )
    topics = dataset.topics
    with BagReader(path) as reader:
        image, depth = (
            ImageTopic(name, transport_of(reader.topics[name]), info)
            for name, info in (
                (topics.image, topics.camera_info),
                (topics.depth, topics.depth_camera_info),
            )
        )
        images = reader.topics[topics.image].count
    write_line(f'bag: images {image.name}, depth {depth.name}{_place(dataset.registration)}')
    return DemoBag(
        path, image, depth, images, dataset.registration, options.get('unit', MILLIMETRES),
        options.get('rectified', 'true') == 'true',
    )  # fmt: skip


def _place(registration: Registration | None) -> str:
    if registration is None:
        return ', registered'
    x_m, y_m, z_m = 1000 * registration.target_from_source.translation_m
    return f', reprojected from {x_m:.0f} {y_m:.0f} {z_m:.0f} mm (right, down, ahead)'
