from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.model_trial import (
    ModelTrial,
    aligned_abs_rel,
    best_alignment,
    try_model,
    unseen_depth,
)
from depth_anything_ros.lab.trials.scale_trial import (
    RATE_HZ,
    AffineNetwork,
    TrialFrame,
    true_depth,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.types import (
    Alignment,
    ReferencePoints,
    RelativeInverseDepth,
)

HEIGHT_M = 0.149
CAMERA = robot_camera(320, 240)
LASER = 'laser_scan with ground, pitch +0°'
FRAMES = 4


class Truth:
    """Stand in for a predictor: knows the drive, and bends what it knows where asked to."""

    spec = MODELS['tiny']

    def __init__(self, seed, bend=0.0):
        robot = Robot(camera_height_m=HEIGHT_M)
        self.drive = list(journey(seed, FRAMES, RATE_HZ, CAMERA, robot))
        self.network = AffineNetwork.random(seed, 0.0)
        self.bend = bend

    def predict(self, rgb):
        for frame in self.drive:
            if np.array_equal(frame.rgbd.frame.rgb, rgb):
                values = self.network.predict(true_depth(frame)).values
                bent = values + self.bend * np.square(values).astype(np.float32)
                return RelativeInverseDepth(bent)
        raise AssertionError('not an image of the drive')


def trials_of(predictor, seed, scattered=()):
    found = try_model(predictor, seed, HEIGHT_M, FRAMES, CAMERA, scattered=scattered)
    return {trial.name: trial for trial in found}


def test_with_predictions_of_the_true_shape_every_source_is_as_good_as_the_best():
    trials = trials_of(Truth(0), 0)
    assert len(trials) == 9
    for name in ('depth_image', 'depth_image, reprojected', 'laser_scan', LASER):
        trial = trials[name]
        assert (trial.frames, len(trial.abs_rel), trial.refusals) == (FRAMES, FRAMES, [])
        assert max(trial.best_abs_rel) < 1e-4
        assert max(trial.abs_rel) < 0.01
    assert min(trials['camera_height, pitch -1°'].abs_rel) > 0.1


def test_a_network_that_bends_depth_has_no_best_of_zero():
    trial = trials_of(Truth(0, bend=0.05), 0)['depth_image']
    assert min(trial.best_abs_rel) > 0.005
    assert np.mean(trial.abs_rel) < 1.3 * np.mean(trial.best_abs_rel)


def test_the_field_follows_what_bends_with_as_few_points_as_there_are():
    trials = trials_of(Truth(0, bend=0.05), 0, scattered=(50, 1000))
    for name, share in (('50 points', 0.9), ('1000 points', 0.5)):
        trial = trials[f'depth_image, {name}']
        assert len(trial.field_abs_rel) == len(trial.abs_rel) == FRAMES
        assert np.mean(trial.field_abs_rel) < share * np.mean(trial.abs_rel)
    heights = trials['camera_height, pitch +0°']
    assert heights.field_abs_rel == heights.abs_rel


def test_pixels_that_gave_the_reference_are_not_scored():
    frame = Truth(0).drive[0]
    rows, columns = np.array([3.0, 7.0], np.float32), np.array([5.0, 4.0], np.float32)
    points = ReferencePoints(rows, columns, rows, columns, (240, 320))
    fit = Alignment(1.0, 0.0, '', 2, 1.0, 0.0, 0, reference=points)
    for refusal, hidden in (('', 2), ('too few', 0)):
        unseen = unseen_depth(TrialFrame(frame, None, fit, 0.0, refusal))
        assert np.isnan(unseen).sum() - np.isnan(true_depth(frame)).sum() == hidden
    assert np.isfinite(true_depth(frame)[[3, 7], [5, 4]]).all()


def test_a_frame_that_cannot_be_scored_is_left_out_of_every_source():
    truth = Truth(0)
    known, blind = truth.predict, truth.drive[1].rgbd.frame.rgb

    def predict(rgb):
        relative = known(rgb)
        if np.array_equal(rgb, blind):
            return RelativeInverseDepth(np.ones_like(relative.values))
        return relative

    truth.predict = predict
    for trial in trials_of(truth, 0).values():
        assert trial.frames == FRAMES - 1
        assert len(trial.best_abs_rel) == len(trial.abs_rel) <= FRAMES - 1


def test_abs_rel_under_a_given_pair_is_clamped_to_what_is_scored():
    truth_m = np.array([[0.1, 0.5, 1.0, 4.0, 9.0, np.nan]], np.float32)
    relative = RelativeInverseDepth(np.array([[9.0, 2.0, -1.0, 0.5, 1.0, 1.0]], np.float32))
    # 0.5 m is right, 1 m becomes the 8 m of the clamp and 4 m becomes 2 m.
    found = aligned_abs_rel(relative, Alignment(1.0, 0.0, '', 0, 1.0, 0.0, 0), truth_m)
    assert found == pytest.approx((0.0 + 7.0 + 0.5) / 3)


def test_the_best_pair_undoes_any_scale_and_shift():
    truth_m = np.linspace(0.3, 6.0, 200, dtype=np.float32).reshape(10, 20)
    relative = RelativeInverseDepth(3.0 / truth_m - 2.0)
    best = best_alignment(relative, truth_m)
    assert (best.scale, best.shift) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert aligned_abs_rel(relative, best, truth_m) < 1e-5
    with pytest.raises(AlignmentError, match='constant'):
        best_alignment(RelativeInverseDepth(np.ones_like(truth_m)), truth_m)


def test_a_network_of_metres_needs_no_scale():
    metric = MODELS['depth_anything_v2_metric_hypersim_vits']
    message = f"model '{metric.name}' gives metres by itself; it needs no scale"
    with pytest.raises(ConfigError, match=message):
        next(try_model(SimpleNamespace(spec=metric), 0, HEIGHT_M))


@pytest.mark.slow
def test_tiny_gets_nearly_its_best_depth_from_depth_images_and_from_scans():
    """In the rooms of the verb `scale`; the fit was tuned on others."""
    predictor = create_predictor(NetworkOptions('tiny'))
    trials: dict[str, list[ModelTrial]] = {}
    for height_m in (0.115, 0.149):
        for seed in range(4):
            for trial in try_model(predictor, seed, height_m, 12, None, (0.0,)):
                trials.setdefault(trial.name, []).append(trial)
    for name, limit in (('depth_image', 1.15), (LASER, 1.3)):
        found = np.concatenate([trial.abs_rel for trial in trials[name]])
        best = np.concatenate([trial.best_abs_rel for trial in trials[name]])
        assert len(found) >= 0.95 * sum(trial.frames for trial in trials[name])
        assert found.mean() <= limit * best.mean()
