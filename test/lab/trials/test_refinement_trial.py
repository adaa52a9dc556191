import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.trials.refinement_trial import (
    make_options,
    try_on_drive,
    try_on_images,
)
from depth_anything_ros.parameters import parameter_values
from depth_anything_ros.types import (
    DepthSample,
    ModelInput,
    OutputKind,
    RelativeInverseDepth,
)

CAMERA = robot_camera(160, 120)
FRAMES = 4
SETTINGS = {
    'flip_augmentation': True,
    'edge_filter_px': 6,
    'temporal_smoothing_s': 0.3,
    'cloud_edge_jump': 0.02,
}
NAMES = [
    'none',
    'flip_augmentation',
    'edge_filter_px',
    'temporal_smoothing_s',
    'temporal_smoothing_s, odometry',
    'temporal_smoothing_s, odometry 5 % off, 50 ms late',
    'cloud_edge_jump',
    'all',
]


class Network:
    """Stand in for a predictor: inverse depth is the grey of the image, with new noise."""

    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH

    def __init__(self, noise):
        self._noise = noise
        self._rng = np.random.default_rng(3)

    def preprocess(self, rgb):
        pixels = rgb.astype(np.float32).transpose(2, 0, 1)[None]
        return ModelInput(pixels, rgb.shape[:2])

    def infer(self, model_input):
        grey = model_input.pixels[0].mean(axis=0)
        return grey + self._noise * self._rng.standard_normal(grey.shape).astype(np.float32)

    def postprocess(self, raw, source_size):
        return RelativeInverseDepth(raw)


class Floor(Network):
    """Stand in for a predictor that sees a floor below the horizon and nothing else."""

    def infer(self, model_input):
        height, width = model_input.pixels.shape[2:]
        rows = np.maximum(0.05, np.linspace(-1, 1, height))[:, None] * np.ones((1, width))
        return (rows * (1 + self._noise * self._rng.standard_normal(rows.shape))).astype(
            np.float32
        )


def sample(seed):
    rng = np.random.default_rng(seed)
    grey = np.repeat(np.repeat(rng.integers(40, 200, (6, 8), dtype=np.uint8), 20, 0), 20, 1)
    return DepthSample(np.stack([grey] * 3, axis=-1), (100.0 / grey).astype(np.float32), str(seed))


def mean(records, option, key):
    return np.mean([record.values[key] for record in records
                    if record.option == option and key in record.values])  # fmt: skip


def test_options_are_the_plain_way_each_setting_alone_and_all():
    options = {option.name: parameter_values(option.config) for option in make_options(SETTINGS)}
    assert list(options) == NAMES
    assert (options['none']['edge_filter_px'], options['none']['cloud_edge_jump']) == (0, 0.0)
    assert options['edge_filter_px']['edge_filter_px'] == SETTINGS['edge_filter_px']
    assert not options['edge_filter_px']['flip_augmentation']
    assert all(options['all'][name] == value for name, value in SETTINGS.items())


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="'edge_filter_px': 65 is out of range"):
        make_options({'edge_filter_px': 65})


def test_a_network_without_error_scores_so_in_every_figure():
    options = make_options({'cloud_edge_jump': 0.02})
    records = list(try_on_images([('one', sample(1))], Network(0.0), options))
    assert [record.option for record in records] == ['none', 'cloud_edge_jump', 'all']
    values = records[0].values
    assert values['abs_rel'] == pytest.approx(0.0, abs=1e-4)
    assert values['edge_abs_rel'] == pytest.approx(0.0, abs=1e-4)
    assert (values['delta1'], values['flying'], values['kept']) == (1.0, 0.0, 1.0)
    assert 0.5 < records[1].values['kept'] < 1.0


def test_flip_and_filter_take_out_noise_of_images():
    samples = [('a', sample(1)), ('b', sample(2))]
    records = list(try_on_images(samples, Network(10.0), make_options(SETTINGS)))
    plain = mean(records, 'none', 'abs_rel')
    assert mean(records, 'flip_augmentation', 'abs_rel') < 0.8 * plain
    assert mean(records, 'edge_filter_px', 'abs_rel') < 0.5 * plain


def test_an_image_that_cannot_be_scored_tells_nothing():
    blank = DepthSample(sample(1).rgb, np.full((120, 160), np.nan, np.float32), 'blank')
    records = list(try_on_images([('a', blank)], Network(0.0), make_options({})))
    assert [record.values for record in records] == [{}, {}]


@pytest.mark.parametrize('speed_m_s', [0.0, 0.3])
def test_every_option_sees_every_frame_of_a_drive(speed_m_s):
    options = make_options(SETTINGS)
    records = list(try_on_drive(0, FRAMES, speed_m_s, Floor(0.05), options, CAMERA))
    assert len(records) == FRAMES * len(NAMES)
    assert [record.option for record in records[: len(NAMES)]] == NAMES
    assert 'ms' not in records[0].values and 'change_cm' not in records[0].values
    # Another option goes first in the second frame.
    assert records[len(NAMES)].option == NAMES[1]
    scored = [record for record in records if record.values]
    assert len(scored) > len(records) // 2
    assert all(record.source == f'drive 0 at {speed_m_s:g} m/s' for record in records)
    steady = mean(records, 'temporal_smoothing_s', 'change')
    assert steady < mean(records, 'none', 'change')
