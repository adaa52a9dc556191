import pytest

from depth_anything_ros.refinement.motion_watch import MotionWatch


def watched(*agreed):
    watch = MotionWatch()
    for one in agreed:
        watch.moved(one, lambda: 'check the clocks')
    return watch


def test_a_motion_that_images_show_is_no_doubt():
    watch = watched(*[True] * 30)
    assert (watch.state, watch.doubt) == ('follows the camera', '')


@pytest.mark.parametrize(
    ('agreed', 'doubted'),
    [([False] * 9, False), ([False] * 10, True), ([True] * 10 + [False] * 10, False),
     ([True] * 30 + [False] * 16, True), ([False] * 30 + [True] * 15, False)],
)  # fmt: skip
def test_most_of_the_last_frames_decide_whether_motion_contradicts_images(agreed, doubted):
    told = 'the motion of odometry or TF contradicts images and is left out: check the clocks'
    assert watched(*agreed).doubt == (told if doubted else '')


def test_motion_that_is_not_known_is_a_doubt_only_as_a_fault():
    watch = MotionWatch()
    watch.unknown('no pose has come yet', fault=False)
    assert (watch.state, watch.doubt) == (
        'motion of the camera unknown: no pose has come yet', ''
    )  # fmt: skip
    watch.unknown('the newest pose is old', fault=True)
    assert watch.doubt == 'depth is smoothed as if the camera stood still: the newest pose is old'
    watch.stands()
    assert (watch.state, watch.doubt) == ('the camera stands still', '')


def test_the_cause_is_looked_for_once_in_thirty_frames():
    watch, asked = MotionWatch(), []
    for _ in range(69):
        watch.moved(False, lambda: asked.append(1) or 'x')
    assert len(asked) == 2
