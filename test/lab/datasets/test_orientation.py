"""EXIF orientation says how to look at a picture; its depth is of the pixels as stored."""

import cv2
import numpy as np
import pytest
from made_pictures import exif

from depth_anything_ros.lab.datasets.rgbd_folder import open_rgbd_folder

HEIGHT, WIDTH = 24, 32


def write_frame(folder, orientation):
    """Write a picture that is bright at its top left, where depth is 1 m; elsewhere 2 m."""
    rgb = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    rgb[:8, :8] = 220
    steps = np.full((HEIGHT, WIDTH), 2000, np.uint16)
    steps[:8, :8] = 1000
    for name in ('rgb', 'depth'):
        (folder / name).mkdir(parents=True)
    jpeg = cv2.imencode('.jpg', rgb, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    (folder / 'rgb' / 'a.jpg').write_bytes(exif(jpeg, orientation) if orientation else jpeg)
    cv2.imwrite(str(folder / 'depth' / 'a.png'), steps)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_bright_pixels_are_the_near_ones(tmp_path, orientation):
    write_frame(tmp_path / 'turned', orientation)
    write_frame(tmp_path / 'plain', 0)
    # The tag is one that OpenCV would follow.
    turned = cv2.imread(str(tmp_path / 'turned' / 'rgb' / 'a.jpg'))
    assert (turned.shape[0] == WIDTH) == (orientation > 4)
    sample = open_rgbd_folder(tmp_path / 'turned', 'all')[0]
    np.testing.assert_array_equal(sample.rgb[..., 0] > 130, sample.depth_m < 1.5)
    plain = open_rgbd_folder(tmp_path / 'plain', 'all')[0]
    np.testing.assert_array_equal(sample.rgb, plain.rgb)
