"""Tiny data sets in the layouts of the published ones."""

import os
from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.types import Camera, Frame

HEIGHT, WIDTH = 3, 4
CAMERA = Camera(WIDTH, HEIGHT, 5.0, 5.0, 1.5, 1.0)


def rgb(level: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 200
    image[..., 1] = level
    return image


def write_rgb(path: Path, level: int = 0, height: int = HEIGHT, width: int = WIDTH) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb(level, height, width)[..., ::-1])


def plane(first: float, **others: float) -> np.ndarray:
    """Return values that rise from `first` by 0.5 a pixel, with `at_N` replaced."""
    values = first + 0.5 * np.arange(HEIGHT * WIDTH, dtype=np.float32)
    for place, value in others.items():
        values[int(place.removeprefix('at_'))] = value
    return values.reshape(HEIGHT, WIDTH)


def write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def pfm(values: np.ndarray, little: bool = True) -> bytes:
    header = f'Pf\n{values.shape[1]} {values.shape[0]}\n{-1.0 if little else 1.0}\n'
    return header.encode() + values[::-1].astype('<f4' if little else '>f4').tobytes()


def exr(values: np.ndarray) -> bytes:
    os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')
    return cv2.imencode('.exr', values)[1].tobytes()


def make_rgbd_folder(root: Path) -> None:
    for name in ('a', 'b'):
        write_rgb(root / 'rgb' / f'{name}.png')
        millimetres = (1000 * plane(1.0)).astype(np.uint16)
        write_bytes(root / 'depth' / f'{name}.png', cv2.imencode('.png', millimetres)[1].tobytes())


def make_nyu_depth_v2(root: Path, samples: int = 8, frames_per_scene: int = 3) -> Path:
    import h5py

    path = root / 'nyu_depth_v2_labeled.mat'
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        images = np.stack([rgb(number % 256) for number in range(samples)])
        file['images'] = images.transpose(0, 3, 2, 1)
        depths = np.stack([plane(1 + number, at_1=0) for number in range(samples)])
        file['depths'] = depths.transpose(0, 2, 1)
        scenes = file.create_dataset('scenes', (1, samples), dtype=h5py.ref_dtype)
        for number in range(samples):
            text = f'kitchen_{number // frames_per_scene:04d}'
            codes = file.create_dataset(f'#refs#/{number}', data=[[ord(c)] for c in text])
            scenes[0, number] = codes.ref
    return path


def make_hypersim(root: Path) -> None:
    import h5py

    for frame in (0, 7):
        images = root / 'ai_001_002' / 'images'
        write_rgb(images / 'scene_cam_00_final_preview' / f'frame.{frame:04d}.tonemap.jpg')
        folder = images / 'scene_cam_00_geometry_hdf5'
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / f'frame.{frame:04d}.depth_meters.hdf5', 'w') as file:
            file['dataset'] = plane(1.0, at_2=np.nan).astype(np.float16)


def make_vkitti2(root: Path) -> None:
    for number in (0, 1):
        frames = Path('Scene01') / 'clone' / 'frames'
        write_rgb(
            root / 'vkitti_2.0.3_rgb' / frames / 'rgb' / 'Camera_0' / f'rgb_{number:05d}.jpg'
        )
        centimetres = np.array([[1, 1234, 65534, 65535]] * HEIGHT, np.uint16)
        folder = root / 'vkitti_2.0.3_depth' / frames / 'depth' / 'Camera_0'
        png = cv2.imencode('.png', centimetres)[1].tobytes()
        write_bytes(folder / f'depth_{number:05d}.png', png)


def make_blendedmvs(root: Path) -> None:
    scene = root / '5a3ca9cb270f0e3f14d0eddb'
    for number in (0, 1):
        write_rgb(scene / 'blended_images' / f'{number:08d}.jpg')
        write_rgb(scene / 'blended_images' / f'{number:08d}_masked.jpg')
        depth = plane(0.5, at_3=0)
        write_bytes(scene / 'rendered_depth_maps' / f'{number:08d}.pfm', pfm(depth))


def make_irs(root: Path) -> None:
    for number in (1, 2):
        folder = root / 'Home' / 'DinerEnvironment_Dark'
        write_rgb(folder / f'l_{number}.png')
        write_bytes(folder / f'd_{number}.exr', exr(plane(48.0, at_1=0, at_2=np.inf)))


def make_tartanair(root: Path) -> None:
    flight = root / 'office' / 'Easy' / 'P001'
    for number in (0, 1):
        write_rgb(flight / 'image_left' / f'{number:06d}_left.png')
        depth = flight / 'depth_left' / f'{number:06d}_left_depth.npy'
        depth.parent.mkdir(parents=True, exist_ok=True)
        np.save(depth, plane(2.0, at_0=10000.0))


def make_bag(root: Path) -> None:
    frames = [
        RgbdFrame(Frame(rgb(number), 10**18 + number * 10**8, 'camera', CAMERA), depth_m)
        for number, depth_m in enumerate((plane(1.0, at_1=np.nan), None, plane(2.0)))
    ]
    write_rgbd_bag(root, frames)


MAKERS = {
    'rgbd_folder': make_rgbd_folder,
    'nyu_depth_v2': make_nyu_depth_v2,
    'hypersim': make_hypersim,
    'vkitti2': make_vkitti2,
    'blendedmvs': make_blendedmvs,
    'irs': make_irs,
    'tartanair': make_tartanair,
    'bag': make_bag,
}
