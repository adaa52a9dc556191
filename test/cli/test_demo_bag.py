"""What the demo tells its nodes of a bag."""

import numpy as np
import pytest
import two_cameras

from depth_anything_ros.cli.demo_bag import open_bag
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, optical_pose


def test_registered_depth_is_told_as_such(tmp_path):
    two_cameras.write_bag(tmp_path / 'bag', 2, registered=True, tf=False)
    bag = open_bag(str(tmp_path / 'bag'))
    assert bag.images == 2
    assert bag.depth_parameters('reference') == {
        'reference_transport': 'raw',
        'reference_depth_unit': 'mm',
        'reference_registration': 'registered',
        'reference_pose': '',
    }
    assert bag.remaps('reference/depth', 'reference/camera_info') == {
        'image': '/camera/color/image_raw',
        'camera_info': '/camera/color/camera_info',
        'reference/depth': '/camera/depth/image_raw',
        'reference/camera_info': '/camera/depth/camera_info',
    }


def test_unregistered_depth_is_told_with_its_place(tmp_path, capsys):
    two_cameras.write_bag(tmp_path / 'bag', 1)
    parameters = open_bag(str(tmp_path / 'bag')).depth_parameters('ground_truth')
    assert parameters['ground_truth_registration'] == 'unregistered'
    told = [float(number) for number in parameters['ground_truth_pose'].split()]
    np.testing.assert_allclose(told, two_cameras.PLACE, atol=1e-7)
    assert 'reprojected from -50 2 4 mm (right, down, ahead)' in capsys.readouterr().out
    place = optical_pose(parameters['ground_truth_pose']) @ OPTICAL_FROM_BODY.inverse()
    np.testing.assert_allclose(place.translation_m, [-0.05, 0.002, 0.004], atol=1e-9)


def test_unregistered_depth_without_tf_is_refused(tmp_path):
    two_cameras.write_bag(tmp_path / 'bag', 1, tf=False)
    with pytest.raises(DatasetError, match=r'is not registered .* does not connect'):
        open_bag(str(tmp_path / 'bag'))


def test_options_stand_behind_the_path(tmp_path):
    two_cameras.write_bag(tmp_path / 'bag', 1, tf=False)
    bag = open_bag(f'{tmp_path}/bag,registration=registered,unit=tum,rectified=false')
    assert bag.rectified is False
    parameters = bag.depth_parameters('reference')
    assert parameters['reference_registration'] == 'registered'
    assert parameters['reference_depth_unit'] == 'tum'
    with pytest.raises(ConfigError, match="the bag has no option 'dept'; known: image, depth"):
        open_bag(f'{tmp_path}/bag,dept=/x')


def test_compressed_topics_are_told_with_their_transport(cases):
    bag = open_bag(str(cases / 'compressed_both'))
    assert bag.images == 12
    assert (bag.image.transport, bag.depth.transport) == ('compressed', 'compressedDepth')
    assert bag.remaps('ground_truth', 'ground_truth/camera_info') == {
        'image/compressed': '/camera/color/image_raw/compressed',
        'camera_info': '/camera/color/camera_info',
        'ground_truth/compressedDepth': '/camera/depth/image_raw/compressedDepth',
        'ground_truth/camera_info': '/camera/depth/camera_info',
    }
