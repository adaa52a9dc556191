import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.nodes.camera_names import camera_names, node_names


def test_names_may_be_nested():
    assert camera_names(['front', 'left/up_2']) == ('front', 'left/up_2')


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        ([], 'no camera is named; name at least one'),
        (['front', '2nd'], "camera '2nd' is no name; allowed: letters, digits and underscores"),
        (['/front'], "camera '/front' is no name"),
        (['front,rear'], "camera 'front,rear' is no name"),
        ([''], "camera '' is no name"),
        (['--help'], "camera '--help' is no name"),
        (['front', 'rear', 'front'], "camera 'front' is there 2 times"),
    ],
)
def test_what_is_no_name_is_refused(words, told):
    with pytest.raises(ConfigError, match=f'^{told}'):
        camera_names(words)


@pytest.mark.parametrize(
    ('arguments', 'name'),
    [
        ([], '/front/depth_node'),
        (['-r', '__ns:=/robot'], '/robot/front/depth_node'),
        (['-r', '__ns:=/', '-r', '__node:=eye'], '/front/eye'),
    ],
)
def test_nodes_stand_in_the_namespaces_of_their_cameras(arguments, name):
    words = ['cameras_node', 'front', '--ros-args', *arguments]
    assert node_names(['front'], words) == (name,)
