"""Contracts with a mistake, on images with the depth that the right one makes of the network."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_networks import write_folder, write_random

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.inference.file_network import load_folder
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.verification.readings import readings
from depth_anything_ros.lab.verification.run import verify
from depth_anything_ros.lab.verification.trial import Image
from depth_anything_ros.models.contract import Channels, Values
from depth_anything_ros.types import Camera, DepthSample

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

HEIGHT, WIDTH, COUNT = 32, 40, 12
IMAGENET = {'input_mean': [0.485, 0.456, 0.406], 'input_std': [0.229, 0.224, 0.225]}
METRES = {'output_kind': 'metric_depth', 'output_max_depth_m': 10, 'output_metres_per_unit': 4}
AFFINE = {'output_kind': 'inverse_affine_depth'}
FOCAL = {'output_kind': 'depth_up_to_scale', 'output_metres_at_focal_px': 50}


def opened(folder, **said):
    write_folder(folder, input_size=HEIGHT, **{**IMAGENET, **said})
    return load_folder(NetworkOptions('', str(folder), backend='onnxruntime'))


def images(folder, noise=0.02, **right):
    """Return images of random colours with the depth that the network gives under a contract."""
    network = opened(folder, **right)
    raw = Predictor(network.under(readings(network.folder.contract)[0].contract))
    output, rng = network.folder.contract.output, np.random.default_rng(0)
    found = []
    for number in range(COUNT):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        rgb = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        values = raw.infer(raw.preprocess(rgb))
        focal_px = float(rng.uniform(40, 90))
        scale, shift = 10 ** rng.uniform(-0.5, 0.5), -0.8 * values.min()
        if output.metres_at_focal_px is not None:
            scale = focal_px / output.metres_at_focal_px
        unit_m = output.metres_per_unit or 1.0
        depth_m = {
            Values.RELATIVE_INVERSE_DEPTH: 1 / (scale * (values + shift)),
            Values.INVERSE_DEPTH_UP_TO_SCALE: scale / values,
            Values.DEPTH_UP_TO_SCALE: scale * values,
            Values.AFFINE_DEPTH: scale * (values - 0.8 * values.min()),
            Values.METRIC_DEPTH: unit_m * values,
            Values.METRIC_INVERSE_DEPTH: unit_m / values,
            Values.INVERSE_AFFINE_DEPTH: scale * (1 / values - 0.8 / values.max()),
        }[output.kind]
        depth_m = depth_m * np.exp(noise * rng.standard_normal(depth_m.shape))
        camera = Camera(WIDTH, HEIGHT, focal_px, focal_px, 19.5, 15.5)
        sample = DepthSample(rgb, depth_m.astype(np.float32), str(number), camera)
        found.append(Image(f'source {number % 4}', sample))
    return found


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('network')
    write_random(path / 'model.onnx', seed=3)
    return path


KINDS = [
    {},
    {'output_kind': 'inverse_depth_up_to_scale'},
    {'output_kind': 'depth_up_to_scale'},
    FOCAL,
    METRES,
    {**METRES, 'output_kind': 'metric_inverse_depth'},
    AFFINE,
    {'output_kind': 'affine_depth'},
]


@pytest.mark.parametrize(
    'right', [*KINDS[:1], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)
def test_a_right_contract_is_right(folder, right):
    verdict = verify(opened(folder, **right), images(folder, **right))
    assert verdict.is_right, verdict.findings
    own = next(one for one in verdict.candidates if not one.changes)
    assert own.error < 0.1
    assert own.ratio == 1.0


MISTAKES = [
    ({}, {'input_channels': 'bgr', 'input_mean': IMAGENET['input_mean'][::-1],
          'input_std': IMAGENET['input_std'][::-1]}, {'input.channels': Channels.RGB}),
    ({'input_channels': 'bgr'}, {}, {'input.channels': Channels.BGR}),
    ({}, {'input_range': 255}, {'input.range': 1}),
    ({}, {'input_mean': [0, 0, 0], 'input_std': [1, 1, 1]},
     {'input.std': (0.229, 0.224, 0.225)}),
    ({'input_mean': [0.5] * 3, 'input_std': [0.5] * 3}, {}, {'input.mean': (0.5, 0.5, 0.5)}),
    ({}, {'output_kind': 'depth_up_to_scale'}, {'output.kind': Values.RELATIVE_INVERSE_DEPTH}),
    ({}, {'output_kind': 'inverse_depth_up_to_scale'},
     {'output.kind': Values.RELATIVE_INVERSE_DEPTH}),
    ({'output_kind': 'depth_up_to_scale'}, {}, {'output.kind': Values.DEPTH_UP_TO_SCALE}),
    ({'output_kind': 'inverse_depth_up_to_scale'}, {'output_kind': 'depth_up_to_scale'},
     {'output.kind': Values.INVERSE_DEPTH_UP_TO_SCALE}),
    (METRES, {}, {'output.kind': Values.DEPTH_UP_TO_SCALE}),
    (METRES, {**METRES, 'output_metres_per_unit': 1}, {'output.metres_per_unit': 4.0}),
    (METRES, {**METRES, 'output_kind': 'metric_inverse_depth', 'output_metres_per_unit': 1},
     {'output.kind': Values.METRIC_DEPTH, 'output.metres_per_unit': 4.0}),
    ({**METRES, 'output_kind': 'metric_inverse_depth'}, METRES,
     {'output.kind': Values.METRIC_INVERSE_DEPTH, 'output.metres_per_unit': 4.0}),
    (FOCAL, {**METRES, 'output_kind': 'metric_inverse_depth'},
     {'output.kind': Values.DEPTH_UP_TO_SCALE, 'output.metres_at_focal_px': 50.0,
      'output.max_depth_m': None, 'output.metres_per_unit': None}),
    ({'output_kind': 'depth_up_to_scale'}, {**METRES, 'output_kind': 'metric_inverse_depth'},
     {'output.kind': Values.DEPTH_UP_TO_SCALE, 'output.metres_per_unit': None}),
    (AFFINE, {}, {'output.kind': Values.INVERSE_AFFINE_DEPTH}),
    (AFFINE, {'output_kind': 'depth_up_to_scale'}, {'output.kind': Values.INVERSE_AFFINE_DEPTH}),
    (AFFINE, METRES, {'output.kind': Values.INVERSE_AFFINE_DEPTH, 'output.max_depth_m': None}),
    (AFFINE, {**FOCAL, 'output_kind': 'inverse_depth_up_to_scale'},
     {'output.kind': Values.INVERSE_AFFINE_DEPTH, 'output.metres_at_focal_px': None}),
    ({}, AFFINE, {'output.kind': Values.RELATIVE_INVERSE_DEPTH}),
    ({'output_kind': 'depth_up_to_scale'}, AFFINE,
     {'output.kind': Values.DEPTH_UP_TO_SCALE}),
    (FOCAL, {**FOCAL, 'output_metres_at_focal_px': None}, {'output.metres_at_focal_px': 50.0}),
    (FOCAL, {**FOCAL, 'output_metres_at_focal_px': 100}, {'output.metres_at_focal_px': 50.0}),
    (FOCAL, METRES, {'output.metres_at_focal_px': 50.0,
                     'output.kind': Values.DEPTH_UP_TO_SCALE}),
    (METRES, {**FOCAL, 'output_metres_at_focal_px': 16},
     {'output.metres_at_focal_px': None}),
]  # fmt: skip
# A few of them are quick enough for every run.
QUICK = (0, 2, 5, 15, 23)


@pytest.mark.parametrize(
    ('right', 'said', 'changes'),
    [
        pytest.param(*row, marks=() if place in QUICK else pytest.mark.slow)
        for place, row in enumerate(MISTAKES)
    ],
)
def test_a_mistake_is_found_with_what_fits(folder, right, said, changes):
    seen = images(folder, **right)
    verdict = verify(opened(folder, **said), seen)
    assert not verdict.is_right
    (finding,) = verdict.findings
    for key, value in changes.items():
        assert (
            finding.changes[key] == pytest.approx(value, rel=0.1)
            if isinstance(value, float)
            else finding.changes[key] == value
        ), finding


def test_two_mistakes_are_found_together(folder):
    said = {'input_channels': 'bgr', 'output_kind': 'depth_up_to_scale'}
    verdict = verify(opened(folder, **said), images(folder))
    (finding,) = verdict.findings
    assert finding.changes['input.channels'] is Channels.RGB
    assert finding.changes['output.kind'] is Values.RELATIVE_INVERSE_DEPTH


def test_a_network_that_knows_no_depth_confirms_nothing(folder):
    seen = images(folder)
    depths = [one.sample.depth_m for one in seen]
    strange = [
        Image(one.source, replace(one.sample, depth_m=other))
        for one, other in zip(seen, [*depths[1:], depths[0]], strict=True)
    ]
    verdict = verify(opened(folder), strange)
    assert not verdict.follows
    assert not verdict.is_right
    assert not verdict.findings


def test_images_without_cameras_leave_the_focal_rule_untried(folder):
    blind = [
        Image(one.source, replace(one.sample, camera=None)) for one in images(folder, **FOCAL)
    ]
    verdict = verify(opened(folder, **FOCAL), blind)
    assert verdict.is_right
    assert verdict.notes == ['the focal rule was not tried: the images have no camera']


def test_too_few_images_are_refused(folder):
    with pytest.raises(DatasetError, match='4 images have true depth; 5 are needed'):
        verify(opened(folder), images(folder)[:4])


def test_readings_are_tried_once_each_with_that_of_the_contract_first(folder):
    found = readings(opened(folder).folder.contract)
    assert not found[0].changes
    assert len({one.contract.input for one in found}) == len(found) == 12
    assert {one.differences for one in found} == {0, 1, 2}
