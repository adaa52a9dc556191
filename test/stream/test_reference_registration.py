"""What becomes of reference messages, without a network or a ROS graph."""

import numpy as np
from made_references import OPTICAL, camera_info, depth, depth_world, kept

DEPTH_FRAME = 'camera_depth_optical_frame'


def unregistered():
    message = depth()
    message.header.frame_id = DEPTH_FRAME
    return message


def test_depth_of_another_frame_is_refused_until_its_calibration_comes():
    world = depth_world(reference_pose='0 0.025 0 0 0 0')
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', unregistered())
    assert len(world.source) == 0
    words = world.warnings[0]
    assert 'not registered' in words and '/depth/camera_info' in words
    assert 'depth_registration' in words
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', unregistered())
    assert world.counts() == {'received': 2, 'rejected': 1}
    # 2.5 cm to the left at 1.5 m moves the view by 60 · 0.025 / 1.5 = 1 px to the left.
    columns = kept(world).indices % 64
    assert (columns.min(), columns.max()) == (0, 62)
    np.testing.assert_allclose(kept(world).depth_m, 1.5)


def test_depth_of_the_frame_of_the_image_needs_no_calibration():
    world = depth_world()
    message = depth()
    message.header.frame_id = world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', message)
    assert world.counts() == {'received': 1, 'rejected': 0}
    assert len(kept(world).indices) == 48 * 64


def test_depth_in_the_frame_of_the_image_is_registered_where_its_calibration_tells_nothing():
    uncalibrated = camera_info()
    uncalibrated.k[0] = 0.0
    world = in_the_frame_of_the_image(depth_world(), uncalibrated)
    assert len(kept(world).indices) == 48 * 64


def test_depth_of_another_calibration_is_refused_though_it_names_the_frame_of_the_image():
    world = in_the_frame_of_the_image(depth_world(), camera_info(focal_px=120.0))
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'has fx 120, fy 120, cx 31.5, cy 23.5 px at 64x48' in world.warnings[0]
    assert 'set reference_pose, or set reference_registration to registered' in world.warnings[0]


def in_the_frame_of_the_image(world, info):
    world.references.image_frame_id = OPTICAL
    message = depth()
    message.header.frame_id = OPTICAL
    world.references.add('reference/camera_info', info)
    world.references.add('reference/depth', message)
    return world


def test_depth_of_another_calibration_without_a_frame_is_refused_without_a_pose():
    world = depth_world()
    world.references.add('reference/camera_info', camera_info(focal_px=120.0, frame_id=''))
    world.references.add('reference/depth', depth())
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'set reference_pose, or set reference_registration to registered' in world.warnings[0]


def test_depth_of_another_calibration_without_a_frame_is_reprojected_with_a_pose():
    world = depth_world(reference_pose='0 0 0 0 0 0')
    world.references.add('reference/camera_info', camera_info(focal_px=120.0, frame_id=''))
    world.references.add('reference/depth', depth())
    rows, columns = np.divmod(kept(world).indices, 64)
    # Twice the focal length shows the inner half.
    assert rows.min() >= 11 and rows.max() <= 36
    assert columns.min() >= 15 and columns.max() <= 48


def test_depth_without_a_frame_is_in_that_of_its_calibration():
    world = depth_world()
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', depth())
    assert world.lookups == [(OPTICAL, DEPTH_FRAME)]


def test_without_a_pose_tf_is_asked_for_the_depth_camera():
    world = depth_world()
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', unregistered())
    assert world.lookups == [(OPTICAL, DEPTH_FRAME)]
    assert world.counts() == {'received': 1, 'rejected': 1}


def test_depth_said_to_be_registered_is_taken_as_it_is():
    world = depth_world(reference_registration='registered')
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', unregistered())
    assert len(kept(world).indices) == 48 * 64


def test_depth_said_to_be_unregistered_is_reprojected_always():
    world = depth_world(reference_registration='unregistered', reference_pose='0 0.025 0 0 0 0')
    world.references.add('reference/camera_info', camera_info())
    world.references.add('reference/depth', depth())
    assert (kept(world).indices % 64).max() == 62
