"""Points count by how sure the network is of them, where that is wanted."""

from dataclasses import replace

import numpy as np
import pytest
from made_drive import CAMERA, HEIGHTS_M, Network, drive

from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.lab.trials.scale_trial import sources_of, true_depth
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.scale import AlignmentTracker
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.fitting import confidence_shares, weighed
from depth_anything_ros.scale.motion import _reference_points
from depth_anything_ros.scale.parallax import ParallaxPoints
from depth_anything_ros.types import (
    DepthReference,
    Frame,
    OutputKind,
    ReferencePoints,
    RelativeInverseDepth,
)

SIZE = (60, 80)
TRUE_M = np.tile(np.linspace(0.5, 5.0, SIZE[1], dtype=np.float32), (SIZE[0], 1))
GAIN, OFFSET = 4.0, 0.5
RELATIVE = OutputKind.RELATIVE_INVERSE_DEPTH


def corrupted(share: float, kind: OutputKind = RELATIVE) -> RelativeInverseDepth:
    """Return a prediction of which a share is wrong and marked, and the rest a little noisy."""
    rng = np.random.default_rng(0)
    noisy_m = TRUE_M * (1.0 + 0.01 * rng.standard_normal(SIZE))
    wrong = rng.random(SIZE) < share
    noisy_m[wrong] *= 1.5
    values = 1.0 / (GAIN * noisy_m - 1.0) if kind.is_line_of_depth else GAIN / noisy_m + OFFSET
    sure = np.where(wrong, 0.2, 0.7) + 0.1 * rng.random(SIZE)
    return RelativeInverseDepth(values.astype(np.float32), sure.astype(np.float32), kind=kind)


def depth_image() -> DepthImageScale:
    source = DepthImageScale(0.2, 8.0, 0.05)
    source.add_reference(DepthReference(TRUE_M, 0))
    return source


def error(relative: RelativeInverseDepth) -> float:
    """Return how far off the fitted scale is."""
    return abs(depth_image().align(relative, 0).scale * GAIN - 1.0)


def test_points_count_by_the_order_of_their_confidence_alone():
    shares = confidence_shares(np.float32([0.2, np.nan, 0.9, 0.9]))
    np.testing.assert_allclose(shares, [2 / 4, 1 / 4, 3.5 / 4, 3.5 / 4])
    alike = confidence_shares(np.full(7, 0.3, np.float32))
    np.testing.assert_array_equal(alike, np.full(7, 4 / 7, np.float32))


@pytest.mark.parametrize('kind', [RELATIVE, OutputKind.AFFINE_DEPTH])
def test_pixels_that_are_marked_as_wrong_move_the_fit_less(kind):
    relative = corrupted(0.45, kind)
    plain, by_confidence = error(replace(relative, confidence=None)), error(relative)
    assert plain > 0.02
    assert by_confidence < 0.005


def test_a_majority_that_is_marked_as_wrong_does_not_win():
    relative = corrupted(0.6)
    assert error(replace(relative, confidence=None)) > 0.3
    assert error(relative) < 0.01


def test_with_one_confidence_every_source_gives_what_it_gives_without():
    height_m = HEIGHTS_M[1]
    robot, frame = Robot(camera_height_m=height_m), drive(3, height_m, 2)[0]
    relative = Network.random(3).predict(true_depth(frame))
    constant = replace(relative, confidence=np.full(relative.values.shape, 0.4, np.float32))
    image, names = frame.rgbd.frame, []
    for given in (relative, constant):
        fits = {}
        rng = np.random.default_rng(0)
        for name, source, feed in sources_of(robot, CAMERA, rng, (0.0,)):
            feed(frame)
            fits[name] = source.align(given, image.stamp_ns, image.camera)
        names.append({name: (fit.scale, fit.shift) for name, fit in fits.items()})
    assert len(names[0]) == 5
    for name, plain in names[0].items():
        assert names[1][name] == pytest.approx(plain, rel=1e-6), name


def test_confidence_counts_beside_the_weights_that_points_have():
    still = RigidTransform(np.eye(3), np.zeros(3))
    places = np.float32([[10, 10], [12, 11], [14, 14], [70, 50]])
    seen = ParallaxPoints(places, np.full(4, 1.0), np.zeros(4), still, None)
    sure = np.full(SIZE, 0.5, np.float32)
    sure[50, 70] = 0.1
    relative = RelativeInverseDepth(np.ones(SIZE, np.float32))
    plain = _reference_points(seen, relative)
    counted = _reference_points(seen, replace(relative, confidence=sure))
    np.testing.assert_allclose(counted.weights / plain.weights, [3 / 4] * 3 + [1 / 4])


def test_a_point_has_the_confidence_of_its_nearest_pixel():
    sure = np.arange(12, dtype=np.float32).reshape(3, 4) / 12
    rows, columns = np.float32([-0.4, 1.6, 2.4]), np.float32([3.4, 0.2, 0.6])
    ones = np.ones(3, np.float32)
    points = ReferencePoints(rows, columns, ones, ones, (3, 4))
    relative = RelativeInverseDepth(np.ones((3, 4), np.float32), sure)
    np.testing.assert_allclose(weighed(points, relative).weights, [1 / 3, 2 / 3, 1.0])
    assert weighed(points, replace(relative, confidence=None)) is points
    nothing = points.where(np.zeros(3, bool))
    assert weighed(nothing, relative) is nothing


@pytest.mark.parametrize('by_confidence', [False, True])
def test_the_pipeline_goes_by_confidence_only_where_that_is_wanted(by_confidence):
    pipeline = DepthPipeline(
        None, depth_image(), AlignmentTracker(0.0, 2.0), 20.0, by_confidence=by_confidence
    )
    frame = Frame(np.zeros((*SIZE, 3), np.uint8), 0, 'camera')
    result = pipeline.process(frame, corrupted(0.45))
    off = abs(result.alignment.scale * GAIN - 1.0)
    assert off < 0.005 if by_confidence else off > 0.02
    assert result.relative.confidence is not None
