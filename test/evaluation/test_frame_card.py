import cv2
import numpy as np
import pytest

from depth_anything_ros.evaluation.cloud_picture import cloud_picture, viewpoint
from depth_anything_ros.evaluation.frame_card import frame_card, keep_frame
from depth_anything_ros.evaluation.picture import Picture
from depth_anything_ros.types import Camera

WALL_M = 2.0


def picture(height=48, width=64, **changes):
    truth_m = np.full((height, width), WALL_M, np.float32)
    truth_m[:, : width // 2] = 1.0
    arguments = {
        'rgb': np.full((height, width, 3), (200, 60, 20), np.uint8),
        'prediction_m': truth_m * np.float32(1.5),
        'truth_m': truth_m,
        'title': '',
        **changes,
    }
    return Picture(**arguments)


def camera(width=64, height=48):
    return Camera(width, height, 60.0, 60.0, (width - 1) / 2, (height - 1) / 2)


def shown(panel):
    return cv2.imdecode(np.frombuffer(panel.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_a_card_shows_image_depth_error_and_both_clouds():
    card = frame_card(keep_frame('Frame 7', {'AbsRel': 0.5}, picture(), camera()))
    assert (card.title, card.figures) == ('Frame 7', {'AbsRel': 0.5})
    assert [panel.caption for panel in card.panels] == [
        'image', 'prediction', 'truth', 'error: prediction − truth', 'cloud of the prediction',
        'cloud of the truth',
    ]  # fmt: skip
    image, _, truth, error, *_ = map(shown, card.panels)
    assert image[24, 32] == pytest.approx([200, 60, 20], abs=6)
    # Near is red, far is blue; too far is red.
    assert truth[24, 10, 0] > 140 > truth[24, 10, 2]
    assert truth[24, 54, 2] > 140 > truth[24, 54, 0]
    assert error[24, 54, 0] > error[24, 54, 2] + 40


@pytest.mark.parametrize('known', [None, camera(width=32), Camera(64, 48, 0.0, 0.0, 0.0, 0.0)])
def test_a_frame_without_a_camera_of_its_own_has_no_cloud(known):
    card = frame_card(keep_frame('Frame 7', {}, picture(), known))
    assert [panel.caption for panel in card.panels][-1] == 'error: prediction − truth'


def test_histogram_and_lines_of_depth_show_prediction_and_truth():
    histogram, row, column = frame_card(keep_frame('', {}, picture())).charts
    prediction, truth = histogram.series
    assert truth.y.sum() == pytest.approx(100.0)
    assert truth.x[truth.y > 0] == pytest.approx([1.0, 2.0], abs=0.05)
    assert prediction.x[prediction.y > 0] == pytest.approx([1.5], abs=0.05)
    assert row.series[1].y.tolist() == [1.0] * 32 + [2.0] * 32
    assert row.series[0].y.tolist() == [1.5] * 32 + [3.0] * 32
    assert column.series[1].y.tolist() == [2.0] * 48


def test_what_is_kept_is_a_small_copy():
    whole = picture(960, 1280)
    kept = keep_frame('', {}, whole, camera(1280, 960))
    assert kept.picture.truth_m.shape == (320, 427)
    assert kept.rays.shape == (320, 427, 2)
    assert kept.rays[0, 1, 0] == pytest.approx((3 - 639.5) / 60)
    assert not np.shares_memory(kept.picture.prediction_m, whole.prediction_m)


@pytest.mark.parametrize(
    'changes',
    [
        {'rgb': None},
        {'truth_m': np.full((48, 64), np.nan, np.float32)},
        {'prediction_m': np.full((48, 64), np.nan, np.float32)},
    ],
)
def test_missing_parts_do_not_hinder_the_rest(changes):
    assert len(frame_card(keep_frame('', {}, picture(**changes), camera())).panels) >= 3


def test_a_cloud_shows_the_near_before_the_far():
    """A red wall hides the blue one behind it, seen along the line through both."""
    rays = np.zeros((2, 1, 2), np.float32)
    depth_m = np.array([[1.0], [1.0]], np.float32)
    view = viewpoint(rays, depth_m)
    assert view.pivot_m.tolist() == [0.0, 0.0, 1.0]
    colours = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    for order in ([0, 1], [1, 0]):
        # A little nearer to the eye, and on the same pixel.
        near = depth_m.copy()
        near[order[0]] -= 1e-4
        drawn = cloud_picture(rays, near, colours, view)
        assert drawn[150, 200].tolist() == colours[order[0], 0].tolist()


def test_a_cloud_without_points_has_no_viewpoint():
    assert viewpoint(np.zeros((2, 2, 2), np.float32), np.full((2, 2), np.nan, np.float32)) is None
