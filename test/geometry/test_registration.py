import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, CameraError, ConfigError
from depth_anything_ros.geometry.registration import (
    ImageView,
    RegistrationRule,
    resized_to,
    same_aspect,
)
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera

COLOR = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
DEPTH = Camera(64, 48, 50.0, 50.0, 31.5, 23.5)
TF = RigidTransform(np.eye(3), np.array([0.025, 0.0, 0.0]))
IMAGE = ImageView('color', COLOR, '/color/camera_info')


def tf(target, source):
    assert (target, source) == ('color', 'depth')
    return TF


def no_tf(target, source):
    raise AlignmentError(f"TF does not connect '{source}' with '{target}'")


def view(frame_id='depth', camera=DEPTH):
    return ImageView(frame_id, camera, '/depth/camera_info')


@pytest.mark.parametrize(
    ('mode', 'depth'),
    [
        ('auto', view('color', COLOR)),
        ('auto', view('color', None)),
        # Scaled, and rounded as drivers do; at an eighth half a pixel is four of the image.
        ('auto', view('color', Camera(32, 24, 30.0, 30.0, 15.5, 11.5))),
        ('auto', view('color', Camera(8, 6, 7.5, 7.5, 3.5, 2.5))),
        ('auto', view('color', Camera(64, 48, 60.5, 59.5, 33.0, 22.0))),
        # P of the depth is the K of the image.
        ('auto', ImageView('color', DEPTH, '/depth/camera_info', COLOR)),
        ('auto', view('', COLOR)),
        ('auto', view('', None)),
        ('registered', view()),
    ],
)
def test_depth_counts_as_registered(mode, depth):
    assert RegistrationRule(mode).find(depth, IMAGE, no_tf) is None


@pytest.mark.parametrize(
    'camera',
    [
        DEPTH,
        Camera(64, 48, 60.0, 61.0, 31.5, 23.5),
        Camera(64, 48, 60.0, 60.0, 31.5, 26.0),
        Camera(32, 24, 25.0, 25.0, 15.5, 11.5),
    ],
)
def test_the_name_of_a_frame_does_not_make_another_camera_registered(camera):
    """Drivers that give depth the frame of the image, and its own calibration."""
    with pytest.raises(AlignmentError) as error:
        RegistrationRule().find(view('color', camera), IMAGE, no_tf)
    assert str(error.value).startswith(
        "depth in frame 'color' is not registered to the image in 'color', as /depth/camera_info "
        f'has fx {camera.fx_px:g}, '
    )
    assert str(error.value).endswith(
        '/color/camera_info has fx 60, fy 60, cx 31.5, cy 23.5 px at 64x48, and one name for both '
        'does not tell where the depth camera is: set reference_pose, or set '
        'reference_registration to registered if it is'
    )
    found = RegistrationRule(pose='0 -0.025 0 0 0 0').find(view('color', camera), IMAGE, no_tf)
    np.testing.assert_allclose(found.target_from_source.translation_m, TF.translation_m)


def test_a_crop_within_one_frame_is_put_where_it_belongs():
    crop = Camera(32, 24, 60.0, 60.0, 21.5, 13.5)
    found = RegistrationRule().find(view('color', crop), IMAGE, no_tf)
    registered = found.register(np.full((24, 32), 2.0, np.float32))
    np.testing.assert_array_equal(registered[10:34, 10:42], 2)
    assert np.isfinite(registered).sum() == 24 * 32


@pytest.mark.parametrize('size', [(24, 32), (48, 65)])
def test_calibration_of_another_size_than_its_images_reprojects_nothing(size):
    depth = ImageView('depth', DEPTH, '/depth/camera_info', size=size)
    with pytest.raises(
        CameraError, match=f'/depth/camera_info: .*is {size[1]}x{size[0]}; the siz'
    ):
        RegistrationRule().find(depth, IMAGE, tf)


@pytest.mark.parametrize('size', [(96, 128), (24, 32)])
@pytest.mark.parametrize('frame_id', ['color', ''])
def test_calibration_of_another_size_than_its_images_contradicts_nothing(size, frame_id):
    """As a driver that scales its images and not their camera_info."""
    image = ImageView(frame_id, COLOR, '/color/camera_info', size=size)
    depth = ImageView(frame_id, DEPTH, '/depth/camera_info', size=size)
    assert RegistrationRule().find(view(frame_id), image, no_tf) is None
    assert RegistrationRule().find(depth, IMAGE, no_tf) is None


@pytest.mark.parametrize('mode', ['auto', 'unregistered'])
def test_depth_of_another_frame_is_brought_by_tf(mode):
    found = RegistrationRule(mode).find(view(), IMAGE, tf)
    assert (found.source, found.target, found.target_from_source) == (DEPTH, COLOR, TF)


@pytest.mark.parametrize(
    ('mode', 'depth', 'image'),
    [
        ('auto', view(''), IMAGE),
        ('auto', view(), ImageView('', COLOR, '/color/camera_info')),
        ('auto', view(''), ImageView('', COLOR, '/color/camera_info')),
        ('unregistered', view('', COLOR), IMAGE),
    ],
)
def test_a_place_that_no_frame_tells_is_asked_for(mode, depth, image):
    rule = RegistrationRule(mode, cure='say registered', place_cure='give the pose')
    with pytest.raises(AlignmentError, match='is: give the pose, or say registered$'):
        rule.find(depth, image, no_tf)
    found = RegistrationRule(mode, '0 -0.025 0 0 0 0').find(depth, image, no_tf)
    np.testing.assert_allclose(found.target_from_source.translation_m, TF.translation_m)


def test_reprojection_within_one_frame_stays_in_its_place():
    found = RegistrationRule('unregistered').find(view('color'), IMAGE, no_tf)
    assert (found.source, found.target) == (DEPTH, COLOR)
    np.testing.assert_allclose(found.target_from_source.rotation, np.eye(3))
    np.testing.assert_array_equal(found.target_from_source.translation_m, 0)


def test_a_pose_goes_before_tf_and_speaks_of_body_axes():
    found = RegistrationRule(pose='0 -0.025 0 0 0 0').find(view(), IMAGE, no_tf)
    # y points left in body axes, x right in the optical frame.
    np.testing.assert_allclose(found.target_from_source.translation_m, TF.translation_m)
    np.testing.assert_allclose(found.target_from_source.rotation, np.eye(3), atol=1e-12)


def test_no_tf_is_refused_with_reason_and_cure():
    rule = RegistrationRule(cure='write registration=registered')
    with pytest.raises(AlignmentError) as error:
        rule.find(view(), IMAGE, no_tf)
    assert str(error.value) == (
        "depth in frame 'depth' is not registered to the image in 'color': TF does not connect "
        "'depth' with 'color'; or write registration=registered"
    )


@pytest.mark.parametrize(
    ('depth', 'image', 'missing'),
    [
        (view(camera=None), IMAGE, '/depth/camera_info'),
        (view(), ImageView('color', None, '/color/camera_info'), '/color/camera_info'),
    ],
)
def test_no_calibration_is_refused_with_its_topic(depth, image, missing):
    with pytest.raises(CameraError, match=f'camera_info has come on {missing}; turn regist'):
        RegistrationRule().find(depth, image, tf)


def test_calibration_that_cannot_be_used_says_why():
    depth = ImageView('depth', None, '/depth/camera_info', problem='camera_info is for 0x0')
    with pytest.raises(CameraError, match='and /depth/camera_info: camera_info is for 0x0; turn '):
        RegistrationRule().find(depth, IMAGE, tf)


def test_what_is_no_pose_is_refused():
    with pytest.raises(ConfigError, match='six'):
        RegistrationRule(pose='1 2').find(view(), IMAGE, tf)


def test_half_size_depth_goes_to_the_four_pixels_it_covers():
    small = np.array([[1.0, 2.0], [np.nan, 4.0]], np.float32)
    np.testing.assert_array_equal(
        resized_to(small, (4, 4)), np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    )
    assert resized_to(small, (2, 2)) is small


def test_double_size_depth_is_picked_not_mixed():
    large = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(resized_to(large, (2, 2)), [[5, 7], [13, 15]])


def test_aspect_is_that_of_the_sides():
    assert same_aspect((480, 640), (240, 320))
    assert same_aspect((480, 640), (400, 530))
    assert not same_aspect((480, 640), (400, 640))
    assert not same_aspect((480, 640), (640, 480))
