"""The trial of the source motion: what it drives, what it tells the robot, what is refused."""

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.trials.motion_trial import STANDING, TOLD, TURNING, try_motion
from depth_anything_ros.types import OutputKind, RelativeInverseDepth

CAMERA = robot_camera(160, 120)
FRAMES = 6


class Ramp:
    """Stand in for a predictor: what is lower in the image is nearer."""

    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH

    def predict(self, rgb):
        height, width = rgb.shape[:2]
        rows = np.linspace(0.0, 1.0, height, dtype=np.float32)
        return RelativeInverseDepth(np.repeat(rows[:, None], width, axis=1))


@pytest.fixture(scope='module')
def trials():
    return {trial.name: trial for trial in try_motion(Ramp(), 0, 0.149, FRAMES, CAMERA)}


def test_a_drive_is_tried_with_odometry_right_and_wrong_and_at_a_standstill(trials):
    assert list(trials) == [*TOLD, STANDING, TURNING]
    assert all(trial.frames == FRAMES for trial in trials.values())
    first = [
        next(reason for reason in trials[name].refusals if 'moved by 0.03' in reason)
        for name in TOLD
        if 'late' not in name
    ]
    assert len(first) == 2


def test_standing_and_turning_on_the_spot_have_no_scale(trials):
    for name in (STANDING, TURNING):
        assert len(trials[name].refusals) == FRAMES
        assert trials[name].abs_rel == []


def test_a_robot_that_turns_stays_where_it_is():
    frames = list(journey(0, 3, 10.0, CAMERA, turn_rad_s=-0.5))
    first, *_, last = (frame.base for frame in frames)
    assert (last.x_m, last.y_m) == (first.x_m, first.y_m)
    assert last.yaw_rad - first.yaw_rad == pytest.approx(-0.1)
    assert len(frames[1].track) == 5
