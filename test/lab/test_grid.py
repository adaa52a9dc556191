import cv2
import numpy as np
import pytest

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.errors import OutputError
from depth_anything_ros.lab.grid import COLORMAP, GridRow, write_grid


def row(height=90, width=120, **changes):
    truth_m = np.linspace(1, 3, height * width, dtype=np.float32).reshape(height, width)
    arguments = {
        'title': 'room: AbsRel 0.1',
        'rgb': np.full((height, width, 3), (10, 200, 30), np.uint8),
        'prediction_m': truth_m,
        'truth_m': truth_m,
        **changes,
    }
    return GridRow(**arguments)


def draw(tmp_path, *rows, columns=2):
    write_grid(tmp_path / 'grid.png', rows, columns)
    return cv2.imread(str(tmp_path / 'grid.png'))[..., ::-1]


def test_a_row_shows_the_image_and_equal_prediction_and_truth_alike(tmp_path):
    picture = draw(tmp_path, row())
    assert picture.shape == (18 + 180 + 18, 3 * 244 + 4, 3)
    image, prediction, truth = (picture[18:198, i * 244 : i * 244 + 240] for i in range(3))
    assert (image == (10, 200, 30)).all()
    np.testing.assert_array_equal(prediction, truth)


def test_near_is_coloured_like_the_highest_inverse_depth_and_unknown_is_black(tmp_path):
    truth_m = np.full((180, 240), 4, np.float32)
    truth_m[:, :80] = 0.5
    truth_m[:, 160:] = np.nan
    shown = draw(tmp_path, row(180, 240, truth_m=truth_m, prediction_m=truth_m))[18:198, 488:728]
    ends = apply_colormap(np.array([[0.25, 2.0]], np.float32), COLORMAP, (0.25, 2.0))[0]
    np.testing.assert_array_equal(shown[90, 120], ends[0])
    np.testing.assert_array_equal(shown[90, 40], ends[1])
    np.testing.assert_array_equal(shown[90, 200], 0)


def test_rows_fill_the_columns_from_the_left(tmp_path):
    black = row(rgb=np.zeros((90, 120, 3), np.uint8))
    picture = draw(tmp_path, row(), black, row())
    assert picture.shape == (18 + 2 * 198, 2 * 736, 3)
    assert picture[100, 120].tolist() == [10, 200, 30]
    assert picture[100, 736 + 120].tolist() == [0, 0, 0]
    assert picture[300, 120].tolist() == [10, 200, 30]
    assert (picture[220:, 736:] == 255).all()


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='file stands where a folder is needed'):
        write_grid(tmp_path / 'file' / 'grid.png', [row()])


def test_a_name_of_no_picture_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="grid.xyz' is not a name of a PNG or JPEG file"):
        write_grid(tmp_path / 'grid.xyz', [row()])
