"""What is said of the ground of images."""

from depth_anything_ros.evaluation.ground import (
    GroundCount,
    GroundSummary,
    ground_text,
    ground_warnings,
)
from depth_anything_ros.types import CameraMounting

SHOWN, TOLD = CameraMounting(0.5), CameraMounting(0.3)


def said(without_obstacle=0, told=None, **images):
    states = {name: GroundCount(count) for name, count in images.items()}
    return ground_warnings(GroundSummary(states, without_obstacle, told), 'images', '--camera')


def test_a_ground_that_is_told_wrong_in_some_images_leaves_these_out_and_in_most_all():
    (some,) = said(told=TOLD, seen=3, contradicted=2)
    assert (
        'by the truth of 2 of 5 images it sees much that is lower; these have no figures' in some
    )
    (most,) = said(told=TOLD, seen=1, contradicted=2)
    assert '; none of the images has figures of obstacles: correct --camera, or' in most


def test_each_cause_is_told_with_its_count_where_nothing_has_a_value():
    assert said(no_camera=1, no_ground=2, found=3, without_obstacle=2) == []
    assert said(no_camera=1, no_ground=2, found=3, without_obstacle=3) == [
        'obstacles has no value in any of 6 images: no calibrated camera in 1, no ground in view '
        '(tell where it is by --camera) in 2, nothing on the ground that is an obstacle in 3'
    ]
    assert ground_warnings(None, 'images', '--camera') == []


def test_the_text_shows_between_which_heights_the_ground_is_found():
    states = {'found': GroundCount(4, SHOWN, 0.3, 1.2), 'no_ground': GroundCount(2)}
    assert ground_text(GroundSummary(states, 1), 'frames') == (
        'The ground of 6 frames is found in the truth of 4 (lens 0.5 m above the ground, looking '
        '0° down and leaning 0° to the right (medians; heights 0.3 to 1.2 m)), not in view in 2; '
        'nothing is an obstacle in 1.'
    )
