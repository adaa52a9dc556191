"""The height of the camera above the ground, by TF."""

import numpy as np
import pytest

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.nodes.ground_input import GroundInput

LENS = RigidTransform.from_pose(0.1, 0.0, 0.149, 0.0, 0.2, 0.0) @ OPTICAL_FROM_BODY.inverse()


class Tree:
    """Stand in for TF, which knows the camera after some questions."""

    def __init__(self, after=0, place=LENS):
        self.asked = []
        self._after, self._place = after, place

    def lookup(self, target, source):
        self.asked.append((target, source))
        if len(self.asked) <= self._after:
            raise AlignmentError(f"TF does not connect '{source}' with '{target}'")
        return self._place


def ask(tree, images=40, **changes):
    found, doubts = [], []
    config = EvaluatorConfig(**{'metrics': ('obstacles',)} | changes)
    ground = GroundInput(config, tree.lookup, found.append, doubts.append)
    for _ in range(images):
        ground.see_frame('camera_optical_frame')
    return found, doubts


def test_tf_gives_height_and_tilt_once_it_knows_them():
    tree = Tree(after=3)
    (mounting,), doubts = ask(tree)
    assert mounting.height_m == pytest.approx(0.149)
    assert mounting.pitch_rad == pytest.approx(0.2)
    assert mounting.roll_rad == pytest.approx(0.0, abs=1e-9)
    assert tree.asked == [('base_footprint', 'camera_optical_frame')] * 4
    assert doubts == []


def test_where_tf_never_knows_it_is_told_once():
    tree = Tree(after=100)
    found, (doubt,) = ask(tree)
    assert found == []
    assert len(tree.asked) == 30
    assert "TF does not connect 'camera_optical_frame' with 'base_footprint'" in doubt
    assert 'set ground_frame, or camera_height_m' in doubt


def test_a_lens_below_the_ground_is_told():
    below = RigidTransform(LENS.rotation, np.array([0.0, 0.0, -0.1]))
    found, (doubt,) = ask(Tree(place=below))
    assert found == []
    assert 'a camera -0.1 m above the ground' in doubt


@pytest.mark.parametrize(
    'changes', [{'metrics': ('chamfer',)}, {'camera_height_m': 0.2}, {'ground_frame': ''}]
)
def test_tf_is_not_asked_where_nobody_needs_it(changes):
    tree = Tree()
    assert ask(tree, **changes) == ([], [])
    assert tree.asked == []
