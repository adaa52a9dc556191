import sys
import types

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from depth_anything_ros.errors import MessageError
from depth_anything_ros.nodes import decoding


class BridgeError(TypeError):
    pass


@pytest.fixture
def cv_bridge(monkeypatch):
    """Stand in for a ROS distribution's cv_bridge that knows one more encoding."""

    class Bridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            assert desired_encoding == 'rgb8'
            if message.encoding != 'nv16':
                raise BridgeError('unrecognised')
            return np.full((message.height, message.width, 3), 7, np.uint8)

    module = types.ModuleType('cv_bridge')
    module.CvBridge, module.CvBridgeError = Bridge, BridgeError
    monkeypatch.setitem(sys.modules, 'cv_bridge', module)
    monkeypatch.setattr(decoding, 'has_cv_bridge', lambda: True)


def test_our_own_encodings_do_not_need_cv_bridge():
    message = Image(height=1, width=2, step=6, encoding='bgr8', data=[3, 2, 1, 6, 5, 4])
    assert decoding.decode_any(message).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_other_encodings_go_through_cv_bridge(cv_bridge):
    rgb = decoding.decode_any(Image(height=2, width=4, step=4, encoding='nv16'))
    assert (rgb == np.full((2, 4, 3), 7)).all()


@pytest.mark.usefixtures('cv_bridge')
def test_what_cv_bridge_does_not_know_either_is_refused_with_the_known_names():
    with pytest.raises(MessageError, match=r"'nv99'.*unrecognised.*rgb8"):
        decoding.decode_any(Image(height=1, width=1, step=1, encoding='nv99'))


def test_without_cv_bridge_the_error_names_the_known_encodings(monkeypatch):
    monkeypatch.setattr(decoding, 'has_cv_bridge', lambda: False)
    with pytest.raises(MessageError, match="'nv16'.*rgb8"):
        decoding.decode_any(Image(height=1, width=1, step=1, encoding='nv16'))


def test_a_compressed_image_is_known_by_its_lack_of_an_encoding():
    with pytest.raises(MessageError, match='jpeg'):
        decoding.decode_any(CompressedImage(format='jpeg', data=b'abc'))


@pytest.mark.parametrize('prefix', [None, '/nowhere'])
def test_without_a_ros_installation_there_is_no_cv_bridge(monkeypatch, prefix):
    if prefix is None:
        monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    else:
        monkeypatch.setenv('AMENT_PREFIX_PATH', prefix)
    assert decoding.has_cv_bridge() is False
