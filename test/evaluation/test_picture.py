import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.picture import Picture, thin_step, write_picture


def picture(height=48, width=64, **changes):
    truth_m = np.linspace(1, 3, height * width, dtype=np.float32).reshape(height, width)
    truth_m[:10] = np.nan
    arguments = {
        'rgb': np.full((height, width, 3), (10, 200, 30), np.uint8),
        'prediction_m': truth_m,
        'truth_m': truth_m,
        'title': 'title',
        **changes,
    }
    return Picture(**arguments)


def panels(path):
    """Return the four panels of a picture, red first."""
    image = cv2.imread(str(path))[..., ::-1]
    height = image.shape[0] - 56 - 70
    return [image[56 : 56 + height, 12 + i * 412 : 412 + i * 412] for i in range(4)]


def test_a_picture_has_four_panels_of_the_image_shape(tmp_path):
    write_picture(tmp_path / 'a.png', picture())
    image = cv2.imread(str(tmp_path / 'a.png'))
    assert image.shape == (300 + 126, 1660, 3)


def test_the_first_panel_is_the_image(tmp_path):
    write_picture(tmp_path / 'a.png', picture())
    assert panels(tmp_path / 'a.png')[0][150, 200].tolist() == [10, 200, 30]


def test_equal_prediction_and_truth_look_equal_and_have_no_error(tmp_path):
    write_picture(tmp_path / 'a.png', picture())
    _, prediction, truth, error = panels(tmp_path / 'a.png')
    np.testing.assert_array_equal(prediction[5:-5, 5:-5], truth[5:-5, 5:-5])
    # The middle of the error's colours is near white.
    assert (error[100:-5, 5:-5] > 240).all()


def test_prediction_and_truth_share_one_scale_of_colours(tmp_path):
    base = picture()
    farther = picture(prediction_m=base.truth_m * np.float32(1.5))
    write_picture(tmp_path / 'a.png', base)
    write_picture(tmp_path / 'b.png', farther)
    same, other = panels(tmp_path / 'a.png'), panels(tmp_path / 'b.png')
    np.testing.assert_array_equal(same[2], other[2])
    assert (same[1] != other[1]).any(axis=-1).mean() > 0.5


def test_unknown_pixels_are_dark_grey(tmp_path):
    write_picture(tmp_path / 'a.png', picture())
    for panel in panels(tmp_path / 'a.png')[1:]:
        assert panel[20, 200] == pytest.approx([64, 64, 64], abs=1)


def test_a_warning_is_red_on_white_below_the_image(tmp_path):
    write_picture(tmp_path / 'plain.png', picture())
    write_picture(tmp_path / 'warned.png', picture(warning='random weights'))
    plain = cv2.imread(str(tmp_path / 'plain.png'))[-60:, :400]
    warned = cv2.imread(str(tmp_path / 'warned.png'))[-60:, :400]
    assert (plain == 255).all()
    blue, _, red = warned[(warned != 255).any(axis=-1)].mean(axis=0)
    assert red > blue + 30


@pytest.mark.parametrize(
    'changes',
    [
        {'rgb': None},
        {'truth_m': np.full((48, 64), np.nan, np.float32)},
        {'prediction_m': np.full((48, 64), np.nan, np.float32)},
        {'rgb': np.zeros((12, 16, 3), np.uint8)},
    ],
)
def test_missing_parts_do_not_hinder_the_rest(tmp_path, changes):
    write_picture(tmp_path / 'a.png', picture(**changes))
    assert cv2.imread(str(tmp_path / 'a.png')).shape == (426, 1660, 3)


def test_wide_images_are_thinned_to_the_width_of_a_panel():
    assert [thin_step(width) for width in (64, 480, 481, 640, 1280)] == [1, 1, 2, 2, 3]


def test_a_file_that_cannot_be_written_raises(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='file stands where a folder is needed'):
        write_picture(tmp_path / 'file' / 'a.png', picture())
