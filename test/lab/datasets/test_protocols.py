"""
Every protocol against a hand computation of 4×4 pixels.

Truth of the first three columns is 1, 2 and 4 m; a relative model says 4, 2 and 0, a metric one
1, 3 and 4. The last column is what a protocol leaves out.
"""

from dataclasses import replace
from math import sqrt

import made_datasets as made
import numpy as np
import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import AlignmentError, UnknownNameError
from depth_anything_ros.evaluation.protocol import AlignmentMode, score_aligned
from depth_anything_ros.lab.datasets import DATASETS
from depth_anything_ros.lab.datasets.offline import Subject, align_sample
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS, protocol_table, published_for
from depth_anything_ros.lab.datasets.scoring_rule import Crop, ScoringRule, Squash, scored_view
from depth_anything_ros.types import (
    Camera,
    DepthSample,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
)

TRUTH_M, RELATIVE, METRIC = (1.0, 2.0, 4.0), (4.0, 2.0, 0.0), (1.0, 3.0, 4.0)
RELATIVE_KIND, METRIC_KIND = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
NAN, INF = float('nan'), float('inf')

# Least squares of 1, 1/2, 1/4 over 4, 2, 0: slope 3/2 / 8, so that 1 / depth is 23/24, 7/12, 5/24.
FITTED_INVERSE = {
    'abs_rel': (1 / 23 + 1 / 7 + 1 / 5) / 3,
    'rmse': sqrt(((1 / 23) ** 2 + (2 / 7) ** 2 + (4 / 5) ** 2) / 3),
    'delta1': 1.0,
}
# Least squares of 1, 2, 4 over 1, 3, 4: depth is 11/14, 37/14, 50/14.
FITTED_DEPTH = {
    'abs_rel': 3 / 14,
    'rmse': sqrt(((3 / 14) ** 2 + (9 / 14) ** 2 + (6 / 14) ** 2) / 3),
    'delta1': 1 / 3,
}
# 1, 3 and 4 are metres.
METRES = {'abs_rel': 1 / 6, 'rmse': sqrt(1 / 3), 'delta1': 2 / 3}
# 4, 2 and 0 are metres, of which 0 is clamped to 0.2.
RAW = {'abs_rel': (3 + 0 + 0.95) / 3, 'rmse': sqrt((9 + 3.8**2) / 3), 'delta1': 1 / 3}

# Protocol: the last column of truth, pixels scored, what a relative and a metric model get.
EXAMPLES = {
    'robot': ((0.19, 8.01, NAN, INF), 12, FITTED_INVERSE, FITTED_DEPTH),
    'raw': ((0.19, 8.01, 0.0, INF), 12, RAW, METRES),
    # The crop of 4×4 is rows 0 to 2, columns 0 to 2.
    'nyu_eigen': ((1.0, 2.0, 4.0, 4.0), 9, FITTED_INVERSE, METRES),
    # Rows 1 and 2, columns 0 to 2.
    'kitti_garg': ((1.0, 2.0, 4.0, 4.0), 6, FITTED_INVERSE, METRES),
    'kitti_eigen': ((1.0, 2.0, 4.0, 4.0), 6, FITTED_INVERSE, METRES),
    'eth3d': ((0.0, 72.1, NAN, INF), 12, FITTED_INVERSE, FITTED_DEPTH),
    'scannet': ((0.001, 10.0, 11.0, NAN), 12, FITTED_INVERSE, FITTED_DEPTH),
    'diode': ((0.59, 350.1, NAN, INF), 12, FITTED_INVERSE, FITTED_DEPTH),
    'affine_invariant': ((0.0, -1.0, NAN, INF), 12, FITTED_INVERSE, FITTED_DEPTH),
}


def sample_of(last_column):
    depth_m = np.array([[*TRUTH_M, last] for last in last_column], np.float32)
    return DepthSample(np.zeros((*depth_m.shape, 3), np.uint8), depth_m, 'four by four')


def score(rule, prediction, sample, kind=RELATIVE_KIND):
    view = scored_view(sample, rule)
    made = np.asarray(prediction, np.float32)
    result = RelativeInverseDepth(made) if kind is RELATIVE_KIND else MetricDepth(made)
    return score_aligned(align_sample(Subject(lambda rgb: result), view, rule), view.depth_m)


def rows(values, last=77.0):
    """Return a prediction whose last column nobody should look at."""
    return [[*values, last]] * 4


@pytest.mark.parametrize('name', EXAMPLES)
def test_a_protocol_scores_as_computed_by_hand(name):
    last_column, pixels, relative, metric = EXAMPLES[name]
    rule, sample = PROTOCOLS[name].rule, sample_of(last_column)
    for values, kind, expected in (
        (RELATIVE, RELATIVE_KIND, relative),
        (METRIC, METRIC_KIND, metric),
    ):
        found = score(rule, rows(values), sample, kind)
        assert (found.pixels, found.coverage) == (pixels, 1.0)
        assert {key: found.values[key] for key in expected} == pytest.approx(expected, rel=1e-5)


def test_every_protocol_has_an_example():
    assert set(PROTOCOLS) == {*EXAMPLES, 'seed000'}


def test_seed000_squashes_turns_clips_and_does_not_align():
    """Truth above 0 is all scored; 0 counts as a micrometre, 50 as 10 m."""
    protocol = PROTOCOLS['seed000']
    sample = sample_of((20.0, 0.0, NAN, 10.0))
    cells = np.array(rows(RELATIVE, 50.0), np.float32)
    cells[3, 3] = 1.0
    # Each pixel becomes a block of 56, and the image lies on its side.
    prediction = np.kron(cells.T, np.ones((56, 56)))
    found = score(protocol.rule, prediction, sample)
    assert found.pixels == 14 * 56 * 56
    # In each row |4 − 1| / 1, 0 and 4 / 4; then |10 − 20| / 20 and |1 − 10| / 10.
    assert found.values['abs_rel'] == pytest.approx((4 * 4 + 0.5 + 0.9) / 14, rel=1e-5)
    assert found.values['mae'] == pytest.approx((4 * (3 + 4) + 10 + 9) / 14, rel=1e-5)
    expected = sqrt((4 * (9 + 16) + 100 + 81) / 14)
    assert found.values['rmse'] == pytest.approx(expected, rel=1e-5)
    assert found.values['delta1'] == pytest.approx(4 / 14)
    assert protocol.input_size == 224


def test_the_squashed_image_is_turned_as_its_truth():
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[0, 7] = 255
    depth_m = np.ones((6, 8), np.float32)
    depth_m[0, 7] = 5.0
    camera = Camera(8, 6, 7.0, 7.0, 3.5, 2.5)
    squashed = Squash(16, 12, transposed=True)(DepthSample(rgb, depth_m, 'corner', camera))
    # Its pixels are no longer those of the camera.
    assert squashed.camera is None
    assert squashed.rgb.shape == (16, 12, 3)
    assert squashed.depth_m.shape == (16, 12)
    np.testing.assert_array_equal(
        np.argwhere(squashed.depth_m == 5), [[14, 0], [14, 1], [15, 0], [15, 1]]
    )
    assert squashed.rgb[15, 0].tolist() == [255] * 3
    assert squashed.rgb[0, 11].tolist() == [0] * 3


@pytest.mark.parametrize(
    ('name', 'shape', 'rows_px', 'columns_px'),
    [
        ('nyu_eigen', (480, 640), (45, 471), (41, 601)),
        ('nyu_eigen', (240, 320), (22, 235), (20, 300)),
        # Truncated, as monodepth's evaluate_kitti.py has it: 0.03594771 · 1224 is 43.99….
        ('kitti_garg', (375, 1242), (153, 371), (44, 1197)),
        ('kitti_garg', (370, 1224), (151, 366), (43, 1180)),
        ('kitti_eigen', (375, 1242), (124, 342), (44, 1197)),
    ],
)
def test_crops_are_the_published_pixels(name, shape, rows_px, columns_px):
    crop = PROTOCOLS[name].rule.crop
    assert crop.places(shape) == (slice(*rows_px), slice(*columns_px))
    view = scored_view(
        DepthSample(np.zeros((*shape, 3), np.uint8), np.ones(shape, np.float32), 'flat'),
        PROTOCOLS[name].rule,
    )
    found_rows, found_columns = np.nonzero(view.valid)
    assert (found_rows.min(), found_rows.max() + 1) == rows_px
    assert (found_columns.min(), found_columns.max() + 1) == columns_px


@pytest.mark.parametrize('name', EXAMPLES)
def test_what_is_not_finite_is_not_scored_and_what_is_negative_is_nearest(name):
    rule, sample = PROTOCOLS[name].rule, sample_of(EXAMPLES[name][0])
    prediction = np.array(rows((1.0, 2.0, -4.0)), np.float32)
    prediction[1, :2] = NAN, INF
    found = score(
        replace(rule, metric_alignment=AlignmentMode.NONE), prediction, sample, METRIC_KIND
    )
    pixels = EXAMPLES[name][1]
    assert found.pixels == pixels - 2
    assert found.coverage == pytest.approx(1 - 2 / pixels)
    low_m, _ = rule.clamp_m or (rule.min_depth_m, rule.max_depth_m)
    assert found.values['mae'] == pytest.approx((4 - low_m) * (pixels // 3) / found.pixels)


def test_an_image_too_small_for_the_crop_is_an_error():
    tiny = DepthSample(np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32), 'dot')
    with pytest.raises(AlignmentError, match='nothing of an image of 1x1 lies in the crop'):
        scored_view(tiny, PROTOCOLS['kitti_garg'].rule)


def test_truth_of_another_size_than_the_prediction_is_an_error():
    with pytest.raises(AlignmentError, match=r'\(2, 4\), the truth \(4, 4\)'):
        score(PROTOCOLS['eth3d'].rule, rows(RELATIVE)[:2], sample_of((NAN,) * 4))


def test_a_plain_rule_leaves_the_sample_as_it_is():
    sample = sample_of((NAN,) * 4)
    assert scored_view(sample, ScoringRule()) is sample


@pytest.mark.parametrize('name', PROTOCOLS)
def test_the_record_of_a_protocol_is_whole(name):
    protocol = PROTOCOLS[name]
    rule = protocol.rule
    assert protocol.name == name
    assert protocol.help and protocol.source
    assert rule.min_depth_m < rule.max_depth_m
    low_m, high_m = rule.clamp_m or (rule.min_depth_m, rule.max_depth_m)
    assert 0 < low_m < high_m
    assert set(protocol.data) <= set(DATASETS)
    assert [row for row in protocol_table().rows if row[0] == name]


def test_an_unknown_protocol_is_an_error_that_lists_the_known():
    with pytest.raises(UnknownNameError, match="unknown protocol 'nyu'; known: robot, raw, nyu"):
        PROTOCOLS['nyu']


def test_what_a_user_sets_otherwise_is_named():
    protocol = PROTOCOLS['nyu_eigen']
    other = protocol.changed_by(AlignmentMode.MEDIAN, (0.5, 5.0))
    assert other.changed == ('alignment', 'range')
    assert other.rule.alignment_of(METRIC_KIND) is AlignmentMode.MEDIAN
    assert (other.rule.min_depth_m, other.rule.max_depth_m) == (0.5, 5.0)
    assert other.rule.crop == protocol.rule.crop
    robot = PROTOCOLS['robot']
    assert robot.changed_by(AlignmentMode.SCALE_SHIFT, (0.2, 8.0)) == robot


def test_a_range_of_the_user_is_that_of_predictions_too():
    changed = PROTOCOLS['seed000'].changed_by(None, (0.2, 8.0)).rule
    assert changed.clamp_m is None
    assert changed.truth_text == 'between 0.2 and 8 m'


def test_a_protocol_takes_its_split_of_the_data_it_is_published_for():
    seed = PROTOCOLS['seed000']
    assert seed.split_of('nyu_depth_v2:file.mat', 'test') == '0-499'
    assert seed.split_of('rgbd_folder:frames', 'test') == 'test'
    assert published_for('nyu_depth_v2') == ['nyu_eigen', 'seed000']
    assert published_for('kitti') == ['kitti_garg', 'kitti_eigen']
    assert published_for('simulator') == []


def test_the_verb_takes_the_split_of_a_protocol(tmp_path, capsys):
    pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    words = ['evaluate', '--model', 'tiny', '--protocol', 'seed000']
    assert main([*words, '--data', f'nyu_depth_v2:{path}']) == 1
    assert 'has samples 0 to 7, not 0-499' in capsys.readouterr().err


def test_rules_are_told_in_words():
    assert ScoringRule().text == 'alignment scale_shift, truth within 0.2 to 8 m'
    assert PROTOCOLS['affine_invariant'].rule.truth_text == 'above 0 m'
    assert PROTOCOLS['seed000'].rule.text == (
        'alignment none, truth above 0 m, predictions clamped to 1e-06 to 10 m, image squashed to '
        '224×224, lying on its side'
    )
    assert Crop(0.25, 1, 0, 0.5).text == 'rows 25.0% to 100.0%, columns 0.0% to 50.0%'
