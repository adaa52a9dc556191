"""ScanNet: rooms walked through with a depth camera, frames exported to files."""

from __future__ import annotations

from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.plausibility import DepthUnit
from depth_anything_ros.lab.datasets.base import (
    RGB_SUFFIXES,
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.doubts import unit_doubt
from depth_anything_ros.lab.datasets.files import read_png_depth
from depth_anything_ros.lab.datasets.lists import read_intrinsics, read_lines
from depth_anything_ros.messages import MM_PER_M
from depth_anything_ros.types import Float32Array

NAME = 'scannet'
LAYOUT = (
    'sceneNNNN_NN/color/N.jpg, depth/N.png and intrinsic/intrinsic_color.txt, in one folder or '
    'in scans/'
)
_INTRINSIC = Path('intrinsic', 'intrinsic_color.txt')
_SCENES = 'scannetv2_{split}.txt'


def open_scannet(path: Path, split: str, *, every: str = '1') -> Dataset:
    """
    Open exported scenes, or one of them; a source is a scene.

    Depth is in millimetres, 0 unknown, of the same view as the colours at another size.
    `train`, `val` and `test` are the scenes of `scannetv2_train.txt` and so on where that lies at
    PATH, else everything there is.
    Source: github.com/ScanNet/ScanNet, SensReader/python exports these files;
    Tasks/Benchmark has the lists.

    :param every: take every so many-th frame of a scene; frames of one are alike.
    :raises DatasetError: if there are no samples, the split is unknown, or a list or a
        calibration is damaged.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    require_folder(path)
    if not every.isdecimal() or int(every) < 1:
        raise DatasetError(f'every={every} is not a number of frames; write 1, 2, …')
    folders = sorted(folder.parent for folder in path.rglob('depth') if folder.is_dir())
    scenes = [folder for folder in folders if (folder / 'color').is_dir()]
    listed = path / _SCENES.format(split=split)
    if listed.is_file():
        wanted = {line for _, line in read_lines(listed)}
        scenes = [scene for scene in scenes if scene.name in wanted]
    pairs = [pair for scene in scenes for pair in _pairs(scene)[:: int(every)]]
    require_samples(pairs, path, LAYOUT)
    doubt = unit_doubt(str(path), pairs, read_depth, DepthUnit(MM_PER_M, told=True))
    return PairedFiles(NAME, pairs, read_depth, doubt)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth of 16 bits, millimetres.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    return read_png_depth(pair.depth, MM_PER_M)


def _pairs(scene: Path) -> list[FilePair]:
    images = {
        file.stem: file
        for file in (scene / 'color').iterdir()
        if file.suffix.lower() in RGB_SUFFIXES
    }
    intrinsics = read_intrinsics(scene / _INTRINSIC)
    # Numbered without leading zeros by the exporter.
    depths = sorted((scene / 'depth').glob('*.png'), key=lambda file: (len(file.stem), file.stem))
    return [
        FilePair(
            f'{scene.name}/{depth.stem}',
            scene.name,
            images.get(depth.stem, scene / 'color' / f'{depth.stem}.jpg'),
            depth,
            intrinsics,
        )
        for depth in depths
    ]
