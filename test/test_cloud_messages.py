from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.errors import MessageError
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.messages import cloud as cloud_module
from depth_anything_ros.messages import point_cloud_fields
from depth_anything_ros.messages.cloud import decode_cloud
from depth_anything_ros.types import Camera, MetricDepth

CAMERA = Camera(8, 6, 7.0, 7.0, 3.5, 2.5)


def message(**changes):
    depth_m = np.linspace(1, 3, 48, dtype=np.float32).reshape(6, 8)
    depth_m[0, 0] = np.nan
    rgb = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    cloud = build_point_cloud(MetricDepth(depth_m), rgb, CAMERA)
    fields = point_cloud_fields(cloud)
    fields['fields'] = [SimpleNamespace(**field) for field in fields['fields']]
    return SimpleNamespace(**{**fields, **changes}), cloud


def test_what_the_node_writes_is_read_but_for_what_is_unknown():
    sent, cloud = message()
    found = decode_cloud(sent)
    np.testing.assert_array_equal(found.xyz_m, cloud.xyz_m.reshape(-1, 3)[1:])
    np.testing.assert_array_equal(found.rgb, cloud.rgb.reshape(-1, 3)[1:])


def test_an_empty_cloud_has_no_points():
    sent, _ = message(height=1, width=0, row_step=0, data=b'')
    assert decode_cloud(sent).xyz_m.shape == (0, 3)


def test_of_an_organised_cloud_every_so_many_rows_and_columns_are_taken():
    sent, cloud = message()
    found = decode_cloud(sent, 2)
    np.testing.assert_array_equal(found.xyz_m, cloud.xyz_m[::2, ::2].reshape(-1, 3)[1:])


def test_a_large_cloud_is_thinned_evenly(monkeypatch):
    monkeypatch.setattr(cloud_module, 'MOST_POINTS', 20)
    sent, cloud = message()
    np.testing.assert_array_equal(decode_cloud(sent).xyz_m, cloud.xyz_m.reshape(-1, 3)[1::3])


def test_a_cloud_of_a_laser_has_no_colours_and_may_be_big_endian():
    points = np.array([[1, 2, 3, 9], [4, 5, np.nan, 9], [7, 8, 9, 9]], '>f4')
    fields = [SimpleNamespace(name=name, offset=4 * place, datatype=7)
              for place, name in enumerate(('x', 'y', 'z', 'intensity'))]  # fmt: skip
    sent = SimpleNamespace(height=1, width=3, fields=fields, is_bigendian=True, point_step=16,
                           row_step=48, data=points.tobytes())  # fmt: skip
    found = decode_cloud(sent, stride=4)
    np.testing.assert_array_equal(found.xyz_m, [[1, 2, 3], [7, 8, 9]])
    assert found.rgb is None


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'row_step': 16}, 'its data is shorter than that'),
        ({'height': 7}, 'its data is shorter than that'),
        ({'fields': []}, "it has no 'x' of float32"),
        ({'point_step': 8, 'row_step': 64}, "it has no 'z' of float32"),
    ],
)
def test_a_cloud_that_contradicts_itself_is_refused(changes, told):
    with pytest.raises(MessageError, match=told):
        decode_cloud(message(**changes)[0])
