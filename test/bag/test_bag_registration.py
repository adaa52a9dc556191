"""Depth of bags as the data set `bag` brings it to the image, against exact depth."""

import json

import numpy as np
import pytest
import two_cameras
from two_cameras import COLOR_FRAME, DEPTH_FRAME, START_NS, static_transform

from depth_anything_ros.bag import BagReader, BagTransforms, BagWriter
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import AlignmentError, DatasetError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.datasets.bag import open_bag
from depth_anything_ros.messages import stamp_fields

TF = 'tf2_msgs/msg/TFMessage'


def relative_error(dataset, truth_m):
    """Return the relative error of all known pixels, and the share that is known."""
    errors, known = [], []
    for index in range(len(dataset)):
        depth_m = dataset[index].depth_m
        seen = np.isfinite(depth_m)
        errors.append(np.abs(depth_m[seen] / truth_m[index][seen] - 1))
        known.append(seen.mean())
    return np.concatenate(errors), np.mean(known)


def test_unregistered_depth_is_brought_to_the_image_by_tf(tmp_path):
    truth_m = two_cameras.write_bag(tmp_path / 'bag')
    errors, known = relative_error(open_bag(tmp_path / 'bag', 'all'), truth_m)
    # A pixel may hold what belongs half a pixel beside it: much at edges, nothing elsewhere.
    assert np.median(errors) < 0.002
    assert np.mean(errors < 0.02) > 0.97
    assert known > 0.75


def test_believed_to_be_registered_the_same_depth_is_wrong(tmp_path):
    truth_m = two_cameras.write_bag(tmp_path / 'bag')
    dataset = open_bag(tmp_path / 'bag', 'all', registration='registered')
    errors, _ = relative_error(dataset, truth_m)
    assert np.mean(errors < 0.02) < 0.9


def test_registered_depth_stays_as_it_is(tmp_path):
    truth_m = two_cameras.write_bag(tmp_path / 'bag', registered=True, tf=False)
    errors, known = relative_error(open_bag(tmp_path / 'bag', 'all'), truth_m)
    assert errors.max() < 0.001
    assert known == 1.0


def test_a_model_scores_the_same_on_unregistered_depth(tmp_path):
    words = []
    for registered in (True, False):
        bag = tmp_path / f'bag_{registered}'
        two_cameras.write_bag(bag, 3, 320, registered=registered, tf=not registered)
        words += ['--data', f'bag:{bag}']
    answer = tmp_path / 'answer.json'
    arguments = ['--model', 'tiny', '--backend', 'torch', *words, '--json', str(answer)]
    assert main(['evaluate', *arguments]) == 0
    found = json.loads(answer.read_text())['data']
    one, other = (data['models']['tiny']['metrics']['abs_rel'] for data in found)
    assert other == pytest.approx(one, rel=0.02)


def test_unregistered_depth_without_tf_is_refused_at_once(tmp_path):
    two_cameras.write_bag(tmp_path / 'bag', 1, tf=False)
    with pytest.raises(DatasetError) as error:
        open_bag(tmp_path / 'bag', 'all')
    assert str(error.value) == (
        f"bag '{tmp_path / 'bag'}': depth in frame '{DEPTH_FRAME}' is not registered to the image "
        f"in '{COLOR_FRAME}': bag '{tmp_path / 'bag'}' (without TF) does not connect "
        f"'{DEPTH_FRAME}' with '{COLOR_FRAME}'; record /tf_static with the images; or write "
        "',registration=registered' behind the path if it is"
    )


def test_unregistered_depth_without_calibration_is_refused_at_once(tmp_path):
    two_cameras.write_bag(tmp_path / 'bag', 1, info=False)
    with pytest.raises(DatasetError, match='no calibrated camera_info has come on the camera_in'):
        open_bag(tmp_path / 'bag', 'all')


def test_unknown_registration_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="registration 'yes' is unknown; known: auto, regis"):
        open_bag(tmp_path, 'all', registration='yes')


def at(x=0.0):
    return RigidTransform(np.eye(3), np.array([x, 0.0, 0.0]))


def lookup(path, target, source, time_ns=START_NS, image='/camera/color/image_raw'):
    with BagReader(path) as reader:
        return BagTransforms(reader, image).lookup(target, source, time_ns).translation_m[0]


def write_tf(path, *messages):
    """Write a bag of TF messages, each a topic, seconds after the start and transforms."""
    with BagWriter(path) as writer:
        for topic, after_s, transforms in messages:
            stamp_ns = START_NS + round(after_s * 1e9)
            for item in transforms:
                item['header']['stamp'] = stamp_fields(stamp_ns)
            writer.write(topic, TF, {'transforms': transforms}, stamp_ns)


def test_transforms_are_chained_through_the_common_frame(tmp_path):
    write_tf(
        tmp_path / 'bag',
        ('/tf_static', 0, [static_transform('base', 'a', at(1.0))]),
        ('/tf_static', 1, [static_transform('a', 'b', at(0.5))]),
        ('/tf_static', 2, [static_transform('base', '/c', at(4.0))]),
    )
    assert lookup(tmp_path / 'bag', 'base', 'b') == 1.5
    assert lookup(tmp_path / 'bag', 'c', 'b') == -2.5
    assert lookup(tmp_path / 'bag', 'b', '/c') == 2.5
    assert lookup(tmp_path / 'bag', 'b', 'b') == 0


def test_moving_transforms_are_those_nearest_in_time(tmp_path):
    moving = [('/tf', time_s, [static_transform('a', 'b', at(time_s))]) for time_s in (0, 2, 1)]
    write_tf(tmp_path / 'bag', *moving)
    for after_s, expected in ((-5, 0), (0.6, 1), (1.4, 1), (1.6, 2), (9, 2)):
        assert lookup(tmp_path / 'bag', 'a', 'b', START_NS + round(after_s * 1e9)) == expected


def test_two_parents_are_refused_only_on_the_way(tmp_path):
    write_tf(
        tmp_path / 'bag',
        ('/tf_static', 0, [static_transform('base', 'link', at(1.0))]),
        ('/tf_static', 0, [static_transform('body', 'link', at(2.0))]),
        ('/tf_static', 0, [static_transform('link', 'color', at(0.1))]),
        ('/tf_static', 0, [static_transform('link', 'depth', at(0.3))]),
    )
    assert lookup(tmp_path / 'bag', 'color', 'depth') == pytest.approx(0.2)
    with pytest.raises(AlignmentError, match="frame 'link' has more than one parent: base, body"):
        lookup(tmp_path / 'bag', 'base', 'depth')


def test_tf_of_another_robot_is_left_alone(tmp_path):
    write_tf(
        tmp_path / 'bag',
        ('/one/tf_static', 0, [static_transform('a', 'b', at(1.0))]),
        ('/two/tf_static', 0, [static_transform('a', 'b', at(2.0))]),
    )
    assert lookup(tmp_path / 'bag', 'a', 'b', image='/one/camera/image_raw') == 1
    assert lookup(tmp_path / 'bag', 'a', 'b', image='/two/camera/image_raw') == 2
    with pytest.raises(AlignmentError, match=r"\(without TF\) does not connect 'b' with 'a'"):
        lookup(tmp_path / 'bag', 'a', 'b', image='/three/camera/image_raw')


def test_a_loop_of_frames_ends(tmp_path):
    write_tf(
        tmp_path / 'bag',
        ('/tf', 0, [static_transform('a', 'b', at(1.0)), static_transform('b', 'a', at(1.0))]),
    )
    with pytest.raises(AlignmentError, match="does not connect 'b' with 'c'"):
        lookup(tmp_path / 'bag', 'c', 'b')


def test_numbers_that_are_no_rotation_are_refused(tmp_path):
    broken = static_transform('a', 'b', at(1.0))
    broken['transform']['rotation'] = {'x': 0.0, 'y': 0.0, 'z': 0.0, 'w': 0.0}
    write_tf(tmp_path / 'bag', ('/tf_static', 0, [broken]))
    with pytest.raises(AlignmentError, match="transform of frame 'b': the quaternion is not set"):
        lookup(tmp_path / 'bag', 'a', 'b')
