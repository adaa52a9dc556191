import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import OutputError
from depth_anything_ros.lab.trials.refinement_picture import write_picture
from depth_anything_ros.lab.trials.refinement_trial import make_options
from depth_anything_ros.types import (
    DepthSample,
    ModelInput,
    OutputKind,
    RelativeInverseDepth,
)


class Grey:
    """Stand in for a predictor: inverse depth is the grey of the image."""

    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH

    def preprocess(self, rgb):
        pixels = rgb.astype(np.float32).transpose(2, 0, 1)[None]
        return ModelInput(pixels, rgb.shape[:2])

    def infer(self, model_input):
        return model_input.pixels[0].mean(axis=0)

    def postprocess(self, raw, source_size):
        return RelativeInverseDepth(raw)


def step_sample():
    grey = np.tile(np.where(np.arange(160) < 80, 50, 150), (120, 1)).astype(np.uint8)
    return DepthSample(np.stack([grey] * 3, -1), (100.0 / grey).astype(np.float32), 'step')


def test_a_row_shows_image_and_options_with_what_is_left_out_in_black(tmp_path):
    options = make_options({'cloud_edge_jump': 0.02})[:2]
    write_picture(tmp_path / 'p.png', [step_sample()] * 2, Grey(), options)
    picture = cv2.imread(str(tmp_path / 'p.png'))
    assert picture.shape == (2 * 270, 3 * 360, 3)
    image, plain, cut = np.split(picture[:270], 3, axis=1)
    assert image[100, 100].tolist() == [50, 50, 50]
    assert plain.max(axis=2).min() > 100
    assert cut[:, 180].max() < 100
    np.testing.assert_array_equal(cut[:, :150], plain[:, :150])


def test_a_file_of_no_image_format_raises(tmp_path):
    with pytest.raises(OutputError, match='not a name of a PNG or JPEG'):
        write_picture(tmp_path / 'p.xyz', [step_sample()], Grey(), make_options({})[:1])
