"""KITTI: drives on roads, with the depth of a laser scanner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.plausibility import DepthUnit
from depth_anything_ros.home import expand_user
from depth_anything_ros.lab.datasets.base import (
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.doubts import unit_doubt
from depth_anything_ros.lab.datasets.files import read_png_depth
from depth_anything_ros.lab.datasets.kitti_frames import KittiFrame, all_frames, listed_frames
from depth_anything_ros.lab.datasets.lists import read_intrinsics
from depth_anything_ros.lab.datasets.velodyne import (
    CAMERA_FILE,
    SCANNER_FILE,
    CameraCalibration,
    project,
    read_calibration,
    read_points,
)
from depth_anything_ros.parameters import DEPTH_UNITS
from depth_anything_ros.types import Float32Array

NAME = 'kitti'
LAYOUT = (
    'the raw data, DATE/DATE_drive_NNNN_sync/image_02/data/NNNNNNNNNN.png, with velodyne_points/ '
    'beside image_02/ and DATE/calib_cam_to_cam.txt, or with data_depth_annotated/; for the split '
    'selection val_selection_cropped/'
)
TRUTHS = ('auto', 'annotated', 'scanner')
AXES = ('camera', 'scanner')
# Names under which lists are published.
LISTS = {
    'test': ('eigen_test_files_with_gt.txt', 'eigen_test_files.txt', 'test_files.txt'),
    'train': ('eigen_train_files_with_gt.txt', 'eigen_train_files.txt', 'train_files.txt'),
}
_STEPS_PER_M = DEPTH_UNITS['kitti']
SELECTION = 'val_selection_cropped'


def open_kitti(
    path: Path,
    split: str,
    *,
    frames: str = '',
    truth: str = 'auto',
    annotated: str = '',
    axis: str = 'camera',
) -> Dataset:
    """
    Open KITTI's raw data with annotated depth or that of its scanner; a source is a drive.

    `test` is Eigen's 697 frames, of which 652 have annotated depth, and needs their list, as does
    `train`; `all` is every image that has depth. `selection` is KITTI's own
    `val_selection_cropped`, 1000 frames that need no raw data.

    Annotated depth has 256 steps a metre, 0 unknown. Points of the scanner are projected with the
    calibration of the day, and the nearest of a pixel counts, see `velodyne.project`.
    Source: the devkit of KITTI's depth benchmark; Eigen et al., NIPS 2014; lists in
    github.com/nianticlabs/monodepth2 (splits/eigen) and github.com/cleinc/bts
    (train_test_inputs).

    :param frames: the list, with lines as those two have; '' looks for one of LISTS at PATH. A
        frame whose depth it calls None has no annotated depth, and is left out where that counts.
    :param truth: one of TRUTHS; `auto` is annotated where any of these frames has such depth.
    :param annotated: the folder of annotated depth; '' is PATH, or `data_depth_annotated` there.
    :param axis: along which the scanner's depth counts: `camera`, or `scanner` as monodepth2
        exports its truth of the Eigen split, about 0.3 m more.
    :raises DatasetError: if files are missing or damaged, or the split or an option is unknown.
    """
    require_split(NAME, split, ('train', 'test', 'selection', 'all'))
    require_folder(path)
    for option, value, known in (('truth', truth, TRUTHS), ('axis', axis, AXES)):
        if value not in known:
            raise DatasetError(f"{option} '{value}' is unknown; known: {', '.join(known)}")
    if split == 'selection':
        if frames or annotated or truth == 'scanner' or axis == 'scanner':
            raise DatasetError(
                f"the split '{split}' has depth and frames of its own; leave "
                'frames=, annotated=, truth= and axis= out'
            )
        selected = _selected(path)
        _require_some(path, selected)
        return _dataset(path, selected, read_depth, 0)
    wanted = _wanted(path, split, frames)
    days = _calibrations(path, wanted)
    folder = expand_user(annotated) if annotated else path
    depths = {frame: frame.annotated(folder) for frame in wanted if frame.is_annotated}
    read: Callable[[FilePair], Float32Array] = read_depth
    if truth == 'scanner' or (truth == 'auto' and not any(map(Path.is_file, depths.values()))):
        depths = {frame: frame.sweep(path) for frame in wanted}
        read = _ScannerDepth(days, along_scanner=axis == 'scanner')
    elif axis == 'scanner':
        raise DatasetError('annotated depth is along the camera; say truth=scanner too')
    pairs = [_pair(path, frame, depth, days) for frame, depth in depths.items()]
    _require_some(path, pairs)
    found = [pair for pair in pairs if pair.depth.is_file()]
    return _dataset(path, found, read, len(wanted) - len(found))


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read annotated depth of 16 bits, 256 steps a metre.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    return read_png_depth(pair.depth, _STEPS_PER_M)


@dataclass(frozen=True)
class _ScannerDepth:
    """Read the scanner's points where the camera of a pair sees them."""

    days: Mapping[tuple[str, str], CameraCalibration]
    along_scanner: bool

    def __call__(self, pair: FilePair) -> Float32Array:
        drive, image, _ = pair.name.split('/')
        key = drive[:10], image[-2:]
        if key not in self.days:
            raise DatasetError(f"'{pair.depth}' has no {CAMERA_FILE} of its day, {key[0]}")
        return project(read_points(pair.depth), self.days[key], along_scanner=self.along_scanner)


def _dataset(
    path: Path,
    pairs: Sequence[FilePair],
    read: Callable[[FilePair], Float32Array],
    without_depth: int,
) -> Dataset:
    doubts = [unit_doubt(str(path), pairs, read, DepthUnit(_STEPS_PER_M, told=True))]
    if without_depth:
        frames = without_depth + len(pairs)
        doubts.append(f"{without_depth} of {frames} frames of '{path}' have no depth")
    return PairedFiles(NAME, pairs, read, '; '.join(filter(None, doubts)))


def _pair(
    root: Path, frame: KittiFrame, depth: Path, days: Mapping[tuple[str, str], CameraCalibration]
) -> FilePair:
    calibration = days.get((frame.date, frame.camera))
    intrinsics = calibration.intrinsics if calibration else ()
    return FilePair(frame.name, frame.drive, frame.image(root), depth, intrinsics)


def _wanted(path: Path, split: str, frames: str) -> list[KittiFrame]:
    """
    Return the frames of a split.

    :raises DatasetError: if its list is missing or damaged.
    """
    if split == 'all' and not frames:
        return all_frames(path)
    names = LISTS.get(split, ())
    files = [expand_user(frames)] if frames else [path / name for name in names]
    listed = next((file for file in files if frames or file.is_file()), None)
    if listed is None:
        raise DatasetError(
            f"'{path}' has no list of the frames of '{split}'; put {' or '.join(names)} there (of "
            "github.com/cleinc/bts or github.com/nianticlabs/monodepth2), say ',frames=FILE' "
            'behind the path, or take the split all'
        )
    return listed_frames(listed)


def _calibrations(
    root: Path, frames: Sequence[KittiFrame]
) -> dict[tuple[str, str], CameraCalibration]:
    """
    Return the cameras of the frames' days, by date and camera; days without the file have none.

    :raises DatasetError: if a file is damaged.
    """
    days = sorted({(frame.date, frame.camera) for frame in frames})
    return {
        (date, camera): read_calibration(root / date, camera)
        for date, camera in days
        if all((root / date / name).is_file() for name in (CAMERA_FILE, SCANNER_FILE))
    }


def _require_some(path: Path, pairs: Sequence[FilePair]) -> None:
    """
    Check that one frame at least has its image and its depth.

    :raises DatasetError: if none has; the message says where the first was looked for.
    """
    require_samples(pairs, path, LAYOUT)
    if not any(pair.rgb.is_file() and pair.depth.is_file() for pair in pairs):
        first = pairs[0]
        raise DatasetError(
            f"no frame of '{path}' has an image and depth; looked for '{first.rgb}' and "
            f"'{first.depth}'; expected: {LAYOUT}"
        )


def _selected(path: Path) -> list[FilePair]:
    """Return the frames of `val_selection_cropped`, at the path or below."""
    folders = (path, path / SELECTION, path / 'depth_selection' / SELECTION)
    root = next((folder for folder in folders if (folder / 'groundtruth_depth').is_dir()), path)
    pairs = []
    for depth in sorted((root / 'groundtruth_depth').glob('*.png')):
        drive, _, place = depth.stem.partition('_groundtruth_depth_')
        number, _, camera = place.partition('_')
        name = f'{drive}_image_{place}'
        pairs.append(
            FilePair(
                f'{drive}/{camera}/{number}',
                drive,
                root / 'image' / f'{name}.png',
                depth,
                read_intrinsics(root / 'intrinsics' / f'{name}.txt'),
            )
        )
    return pairs
