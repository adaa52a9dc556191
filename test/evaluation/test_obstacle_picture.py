import numpy as np
from level_scene import CAMERA, MOUNTING, Box, depth_of

from depth_anything_ros.evaluation.obstacle_picture import (
    FALSE,
    FOUND,
    MISSED,
    obstacle_pictures,
)
from depth_anything_ros.evaluation.view import View

FOUND_BOX = Box(1.52)
POLE = Box(1.02, left_m=0.375, width_m=0.04, length_m=0.02)
GHOST = Box(2.02, left_m=-0.8)
TRUTH_M, DEPTH_M = depth_of(FOUND_BOX, POLE), depth_of(FOUND_BOX, GHOST)


def pictures(rgb, **changes):
    known = np.isfinite(TRUTH_M)
    arguments = {'camera': CAMERA, 'mounting': MOUNTING} | changes
    view = View(DEPTH_M, TRUTH_M, known, 8.0, **arguments)
    return list(obstacle_pictures(view, rgb))


def has(picture, colour):
    return (picture == np.array(colour)).all(axis=2)


def test_cells_are_drawn_from_above_with_left_to_the_left_and_far_at_the_top():
    ((_, picture),) = pictures(None)
    height, width, _ = picture.shape
    # A cell of 5 cm is 5 pixels wide.
    assert has(picture, MISSED).sum() == 25
    rows, columns = np.nonzero(has(picture, MISSED))
    assert 100 < height - rows.mean() < 105
    assert -40 < columns.mean() - width / 2 < -35
    for colour in (FOUND, FALSE):
        # Lines may cross them.
        assert has(picture, colour).sum() > 100
    assert np.nonzero(has(picture, FALSE))[1].mean() > width / 2


def test_what_is_missed_and_false_is_marked_in_the_image_at_any_size():
    rgb = np.full((120, 160, 3), 255, np.uint8)
    (name, marked), (_, above) = pictures(rgb)
    assert name.startswith('image')
    missed = np.abs(marked.astype(int) - (0.3 * 255 + 0.7 * np.array(MISSED))).max(axis=2) < 2
    # The pole is left of the middle, half as wide as in the depth.
    columns = np.nonzero(missed)[1]
    assert 0 < columns.max() < 80
    assert (rgb == 255).all()
    assert above.shape[0] > 0


def test_nothing_is_drawn_where_nothing_is_known():
    assert pictures(None, camera=None) == []
