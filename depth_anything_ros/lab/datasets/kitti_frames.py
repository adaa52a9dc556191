"""Frames of KITTI: how lists name them, and where their files lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.lists import read_lines

CAMERAS = ('02', '03')
_DRIVE = r'(?P<drive>(?P<date>\d{4}_\d\d_\d\d)_drive_\d{4}_sync)'
_FORMS = (
    # The path of an image, whatever stands before and behind it.
    re.compile(rf'{_DRIVE}/image_(?P<camera>0[23])/data/(?P<number>\d+)\.'),
    # As monodepth2 writes it: folder, number, side.
    re.compile(rf'{_DRIVE}/?\s+(?P<number>\d+)(?:\s+(?P<side>[lr]))?\s*$'),
)
_SIDES = {'l': '02', 'r': '03'}
_FORM = 'DATE/DATE_drive_NNNN_sync NUMBER l, or DATE/DATE_drive_NNNN_sync/image_02/data/NUMBER.png'


@dataclass(frozen=True)
class KittiFrame:
    """
    An image of a drive: `drive` starts with `date`, `camera` is '02' (left) or '03'.

    `is_annotated` is False where a list says None for its depth.
    """

    date: str
    drive: str
    camera: str
    number: str
    is_annotated: bool = field(default=True, compare=False)

    @property
    def name(self) -> str:
        """Return what tells the frame from all others."""
        return f'{self.drive}/image_{self.camera}/{self.number}'

    def image(self, root: Path) -> Path:
        """Return its image in the raw data, PNG as published or JPEG as some convert it."""
        folder = root / self.date / self.drive / f'image_{self.camera}' / 'data'
        files = [folder / f'{self.number}{suffix}' for suffix in ('.png', '.jpg')]
        return next((file for file in files if file.is_file()), files[0])

    def sweep(self, root: Path) -> Path:
        """Return the points of the scanner in the raw data."""
        return root / self.date / self.drive / 'velodyne_points' / 'data' / f'{self.number}.bin'

    def annotated(self, root: Path) -> Path:
        """Return the annotated depth, in the archive's folders or beside the raw data."""
        place = Path(
            self.drive, 'proj_depth', 'groundtruth', f'image_{self.camera}', f'{self.number}.png'
        )
        archive = root / 'data_depth_annotated'
        folders = [
            base / part for base in (archive, root) for part in ('val', 'train', '', self.date)
        ]
        files = [folder / place for folder in folders]
        return next((file for file in files if file.is_file()), files[0])


def listed_frames(path: Path) -> list[KittiFrame]:
    """
    Read the frames of a list, in its order.

    :raises DatasetError: if the file is missing or damaged, or a line names no frame.
    """
    return [_frame(line, f"line {number} of '{path}'") for number, line in read_lines(path)]


def all_frames(root: Path) -> list[KittiFrame]:
    """Return the frames of all images in the raw data."""
    images = sorted(root.glob('*/*_sync/image_0[23]/data/*'))
    return [_frame(image.as_posix(), f"'{image}'") for image in images]


def _frame(text: str, place: str) -> KittiFrame:
    found: Sequence[re.Match[str]] = [m for form in _FORMS if (m := form.search(text))]
    if not found:
        raise DatasetError(f'{place} names no frame; write {_FORM}')
    fields = found[0].groupdict()
    camera = fields.get('camera') or _SIDES[fields.get('side') or 'l']
    is_annotated = text.split()[1:2] != ['None']
    return KittiFrame(
        fields['date'], fields['drive'], camera, fields['number'].zfill(10), is_annotated
    )
