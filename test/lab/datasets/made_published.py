"""Tiny copies of the data sets that papers judge on, in the layouts of their publishers."""

import json
from pathlib import Path

import cv2
import numpy as np
from made_datasets import HEIGHT, WIDTH, make_nyu_depth_v2, plane, write_bytes, write_rgb

DRIVE = '2011_09_26_drive_0002_sync'
# fx, fy, cx, cy of the camera of the made drive.
KITTI_CAMERA = (2.0, 2.0, 1.5, 1.0)


def png(steps: np.ndarray) -> bytes:
    return cv2.imencode('.png', steps.astype(np.uint16))[1].tobytes()


def write_steps(path: Path, depth_m: np.ndarray, steps_per_m: float) -> None:
    write_bytes(path, png(np.round(steps_per_m * depth_m)))


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def make_nyu_official(root: Path) -> None:
    for number in (0, 1):
        folder = root / 'test' / 'bathroom'
        write_rgb(folder / f'rgb_{number:05d}.jpg')
        write_steps(folder / f'sync_depth_{number:05d}.png', plane(1.0, at_1=0), 1000)


def make_nyu_splits(root: Path, train: list[int], test: list[int], samples: int = 8) -> Path:
    from scipy.io import savemat

    path = make_nyu_depth_v2(root, samples)
    columns = {
        f'{name}Ndxs': np.array(numbers, np.uint16)[:, None]
        for name, numbers in (('train', train), ('test', test))
    }
    savemat(root / 'splits.mat', columns, do_compression=True)
    return path


def write_kitti_calibration(day: Path) -> None:
    fx, fy, cx, cy = KITTI_CAMERA
    # The rectified camera lies 0.3 m ahead of the scanner and 0.1 m to its right.
    write_text(
        day / 'calib_cam_to_cam.txt',
        'calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n'
        f'S_rect_02: {WIDTH:.6e} {HEIGHT:.6e}\n'
        'R_rect_00: 1 0 0 0 1 0 0 0 1\n'
        f'P_rect_02: {fx} 0 {cx} {-0.1 * fx} 0 {fy} {cy} 0 0 0 1 0\n',
    )
    write_text(
        day / 'calib_velo_to_cam.txt',
        'calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 -0.3\n'
        'delta_f: 0.000000e+00 0.000000e+00\n',
    )


def write_sweep(path: Path, points: list[tuple[float, float, float]]) -> None:
    write_bytes(path, np.array([(*point, 0.5) for point in points], '<f4').tobytes())


def make_kitti(root: Path) -> None:
    day = root / '2011_09_26'
    write_kitti_calibration(day)
    for number in (0, 5):
        write_rgb(day / DRIVE / 'image_02' / 'data' / f'{number:010d}.png')
        sweep = day / DRIVE / 'velodyne_points' / 'data' / f'{number:010d}.bin'
        ahead = [(4.3, 0.0, 0.0), (8.3, 0.0, 0.0), (2.3, -2.0, 0.0)]
        write_sweep(sweep, [*ahead, (-5.0, 0.0, 0.0), (1.0, 30.0, 0.0)])


def make_eth3d(root: Path) -> None:
    for number in (286, 287):
        write_rgb(root / 'courtyard' / 'images' / 'dslr_images' / f'DSC_{number:04d}.JPG')
        depth = root / 'courtyard' / 'ground_truth_depth' / 'dslr_images' / f'DSC_{number:04d}.JPG'
        write_bytes(depth, plane(3.0, at_2=np.inf).astype('<f4').tobytes())


def make_scannet(root: Path) -> None:
    scene = root / 'scans' / 'scene0000_00'
    for number in (2, 10):
        write_rgb(scene / 'color' / f'{number}.jpg', number, 2 * HEIGHT, 2 * WIDTH)
        write_steps(scene / 'depth' / f'{number}.png', plane(1.0, at_1=0), 1000)
    write_text(
        scene / 'intrinsic' / 'intrinsic_color.txt',
        '5.0 0.0 3.5 0.0\n0.0 6.0 2.5 0.0\n0.0 0.0 1.0 0.0\n0.0 0.0 0.0 1.0\n',
    )


def make_diode(root: Path) -> None:
    scan = root / 'val' / 'indoors' / 'scene_00019' / 'scan_00183'
    for number in (0, 10):
        stem = f'00019_00183_indoors_000_{number:03d}'
        write_rgb(scan / f'{stem}.png')
        np.save(scan / f'{stem}_depth.npy', plane(2.0)[..., None])
        mask = np.ones((HEIGHT, WIDTH))
        mask[0, 1] = 0
        np.save(scan / f'{stem}_depth_mask.npy', mask)


def make_tum_rgbd(root: Path) -> None:
    folder = root / 'rgbd_dataset_freiburg1_xyz'
    images, depths = ['# color images', '# timestamp filename'], ['# depth maps']
    for number, (image_s, depth_s) in enumerate([('1.00', '1.015'), ('1.05', '1.04')]):
        write_rgb(folder / 'rgb' / f'{image_s}.png', number)
        write_steps(folder / 'depth' / f'{depth_s}.png', plane(1.0 + number, at_1=0), 5000)
        images.append(f'{image_s} rgb/{image_s}.png')
        depths.append(f'{depth_s} depth/{depth_s}.png')
    write_text(folder / 'rgb.txt', '\n'.join(images) + '\n')
    write_text(folder / 'depth.txt', '\n'.join(depths) + '\n')


def make_pairs(root: Path) -> Path:
    for number in (0, 1):
        write_rgb(root / 'rgb' / f'{number}.png')
        write_steps(root / 'depth' / f'{number}.png', plane(1.0, at_1=0) / 2, 1000)
    listed = root / 'list.txt'
    write_text(listed, 'rgb/0.png depth/0.png\nrgb/1.png depth/1.png\n')
    return listed


def make_images(root: Path) -> None:
    write_rgb(root / 'a.png')
    write_rgb(root / 'desk' / 'b.jpg')


def make_da2k(root: Path) -> None:
    annotations = {}
    for number, name in enumerate(('images/indoor/a.png', 'images/aerial/b.jpg')):
        write_rgb(root / name, number)
        annotations[name] = [
            {'point1': [2, 3], 'point2': [0, 1], 'closer_point': 'point1'},
            {'point1': [1, 0], 'point2': [2, 2], 'closer_point': 'point2'},
        ][: 2 - number]
    write_text(root / 'annotations.json', json.dumps(annotations))


PUBLISHED = {
    'nyu_official': make_nyu_official,
    'kitti': make_kitti,
    'eth3d': make_eth3d,
    'scannet': make_scannet,
    'diode': make_diode,
    'tum_rgbd': make_tum_rgbd,
    'pairs': make_pairs,
    'images': make_images,
    'da2k': make_da2k,
}
