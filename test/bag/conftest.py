import pytest
from made_bags import rgbd_frames

from depth_anything_ros.bag import STORAGES, write_rgbd_bag


@pytest.fixture(params=list(STORAGES))
def bag(request, tmp_path):
    write_rgbd_bag(tmp_path / 'bag', rgbd_frames(), request.param)
    return tmp_path / 'bag'
