"""What a data set is, and the one that pairs files of images with files of depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.registration import resized_to, same_aspect
from depth_anything_ros.lab.datasets.files import read_rgb
from depth_anything_ros.types import Camera, DepthSample, Float32Array, UInt8Array

# For pictures of 10 or 12 bits.
DARK_CURE = 'convert them to 8 bits, or to the whole of 16'
RGB_SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp')
# Entries of a folder that a message shows.
_SHOWN = 5


class Dataset(Protocol):
    """Samples by number; names and sources are known without reading any."""

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        ...

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def sample_name(self, index: int) -> str:
        """
        Return what tells a sample from the others.

        :raises IndexError: if there is no such sample.
        """
        ...

    def source(self, index: int) -> str:
        """
        Return the group of a sample: the scene, sequence or recording it belongs to.

        :raises IndexError: if there is no such sample.
        """
        ...

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if it cannot be read; the message names the file.
        :raises IndexError: if there is no such sample.
        """
        ...


@runtime_checkable
class Warned(Protocol):
    """A data set that may have something to say of its depth before it is read."""

    @property
    def warning(self) -> str:
        """Return what a reader of scores must know; '' is nothing."""
        ...


@dataclass(frozen=True)
class FilePair:
    """
    Name a sample, its group, and its two files.

    `intrinsics` are fx, fy, cx, cy of the image in pixels, or one focal length of an image whose
    axis is in its middle; none where they are not known.
    """

    name: str
    source: str
    rgb: Path
    depth: Path
    intrinsics: tuple[float, ...] = ()


class Entry(Protocol):
    """What names a sample and its group."""

    @property
    def name(self) -> str:
        """Return what tells the sample from the others."""
        ...

    @property
    def source(self) -> str:
        """Return the group of the sample."""
        ...


E = TypeVar('E', bound=Entry)


@dataclass(frozen=True)
class Listed(Generic[E]):
    """
    Answer for a list of entries what is known of a data set without reading any.

    :param name: of the data set.
    :param entries: the samples, in order.
    """

    name: str
    entries: Sequence[E]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.entries)

    def sample_name(self, index: int) -> str:
        """
        Return the name of a sample.

        :raises IndexError: if there is no such sample.
        """
        return self.entries[index].name

    def source(self, index: int) -> str:
        """
        Return the group of a sample.

        :raises IndexError: if there is no such sample.
        """
        return self.entries[index].source


@dataclass(frozen=True)
class PairedFiles(Listed[FilePair]):
    """
    Read pairs of an image file and a depth file.

    :param read_depth: gives depth_m float32 (H, W), metres along the optical axis, NaN where
        unknown; raises DatasetError.
    :param warning: what a reader of scores must know of the depth; '' is nothing.
    """

    read_depth: Callable[[FilePair], Float32Array]
    warning: str = ''

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if a file is missing, damaged, or the two differ in size.
        :raises IndexError: if there is no such sample.
        """
        pair = self.entries[index]
        rgb, depth_m = read_rgb(pair.rgb), self.read_depth(pair)
        camera = camera_of(pair.intrinsics, rgb.shape)
        return checked_sample(rgb, depth_m, pair.name, str(pair.depth), camera)


def checked_sample(
    rgb: UInt8Array,
    depth_m: Float32Array,
    name: str,
    place: str,
    camera: Camera | None = None,
) -> DepthSample:
    """
    Return the sample, with depth at the size of the image.

    Depth of the same shape at another size is taken by nearest neighbour, as the depth node does.

    :param rgb: uint8 (H, W, 3).
    :param depth_m: float32 (h, w).
    :param place: where the depth comes from, for the message.
    :param camera: of the image, None where it is not known.
    :raises DatasetError: if image and depth are not of one shape.
    """
    height, width = rgb.shape[:2]
    if not same_aspect(depth_m.shape, (height, width)):
        raise DatasetError(
            f"depth of '{place}' is {depth_m.shape[1]}x{depth_m.shape[0]}, its image "
            f'{width}x{height}; the depth must be registered to the image, at its size or the '
            'same shape scaled'
        )
    return DepthSample(rgb, resized_to(depth_m, (height, width)), name, camera)


def camera_of(intrinsics: tuple[float, ...], shape: tuple[int, ...]) -> Camera | None:
    """
    Return the camera of an image, None where it is not known.

    :param intrinsics: of the image, see `FilePair`.
    :param shape: of the image, (H, W, 3).
    """
    if not intrinsics:
        return None
    height, width = shape[:2]
    if len(intrinsics) == 1:
        focal_px = intrinsics[0]
        intrinsics = focal_px, focal_px, (width - 1) / 2, (height - 1) / 2
    fx_px, fy_px, cx_px, cy_px = intrinsics
    return Camera(width, height, fx_px, fy_px, cx_px, cy_px)


def require_focal(intrinsics: tuple[float, ...]) -> tuple[float, ...]:
    """
    Return the intrinsics of an image, see `FilePair`.

    :raises ValueError: if a focal length is not above 0.
    """
    if any(not focal_px > 0 for focal_px in intrinsics[:2]):
        raise ValueError(f'a focal length of {min(intrinsics[:2]):g} px is not above 0')
    return intrinsics


def require_folder(path: Path) -> None:
    """
    Check that a folder is there.

    :raises DatasetError: if it is not.
    """
    if path.is_file():
        raise DatasetError(f"'{path}' is a file; give the folder of the data set")
    if not path.is_dir():
        raise DatasetError(f"no folder '{path}'")


def require_split(dataset: str, split: str, known: Sequence[str]) -> None:
    """
    Check that a data set has a split.

    :raises DatasetError: if it has not; the message lists those it has.
    """
    if split not in known:
        raise DatasetError(
            f"data set '{dataset}' has no split '{split}'; known: {', '.join(known)}"
        )


def require_samples(samples: Sized, path: Path, layout: str) -> None:
    """
    Check that there are samples.

    :param path: the folder in which they are looked for.
    :param layout: where there, for the message, which tells too what is there.
    :raises DatasetError: if there are none.
    """
    if samples:
        return
    entries = sorted(f'{file.name}/' if file.is_dir() else file.name for file in path.iterdir())
    more = f' and {len(entries) - _SHOWN} more' if len(entries) > _SHOWN else ''
    found = ', '.join(entries[:_SHOWN]) or 'nothing'
    raise DatasetError(f"no samples in '{path}'; expected: {layout}; found: {found}{more}")
