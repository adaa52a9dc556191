"""Groups around the images of a bag, whatever the order of recording."""

import numpy as np
import pytest

from depth_anything_ros.bag import BagReader, BagWriter, Lockstep, Recorded
from depth_anything_ros.messages import stamp_fields

START_S, PERIOD_MS = 1_700_000_000, 33
IMAGE, DEPTH, IMU, TF = '/image', '/depth', '/imu', '/tf'
KINDS = {
    IMAGE: 'sensor_msgs/msg/Image', DEPTH: 'sensor_msgs/msg/Image',
    IMU: 'sensor_msgs/msg/Imu', TF: 'tf2_msgs/msg/TFMessage',
}  # fmt: skip


def at_ns(milliseconds):
    return START_S * 10**9 + milliseconds * 10**6


def write(path, messages):
    """Write (topic, stamp in ms or None, recorded in ms); data of a picture has 1000 bytes."""
    with BagWriter(path) as writer:
        for topic, stamp_ms, time_ms in sorted(messages, key=lambda found: found[2]):
            fields = {}
            if stamp_ms is not None:
                fields['header'] = {'stamp': stamp_fields(at_ns(stamp_ms)), 'frame_id': 'camera'}
            if topic in (IMAGE, DEPTH):
                fields['data'] = np.zeros(1000, np.uint8)
            writer.write(topic, KINDS[topic], fields, at_ns(time_ms))
    return path


def grouped(path, **limits):
    """Return the stamps of each image and, by topic, of what goes with it, in ms."""
    with BagReader(path) as reader:
        paired = [name for name in (DEPTH, IMU) if name in reader.topics]
        others = [name for name in reader.topics if name not in (IMAGE, *paired)]
        found = []
        with Lockstep(reader, IMAGE, paired, others, Recorded.of, **limits) as lockstep:
            for group in lockstep.groups():
                stamps = {}
                for other in group.others:
                    stamps.setdefault(other.topic, []).append(in_ms(other.taken_ns))
                found.append((in_ms(group.image.taken_ns), stamps))
    return found


def in_ms(time_ns):
    return (time_ns - START_S * 10**9) // 10**6


def drive(frames=9, *, image_ms=0, depth_ms=0):
    """Return equal stamps of image and depth, either recorded so much later."""
    stamps = [number * PERIOD_MS for number in range(frames)]
    messages = [(IMAGE, stamp_ms, stamp_ms + image_ms) for stamp_ms in stamps]
    return messages + [(DEPTH, stamp_ms, stamp_ms + depth_ms) for stamp_ms in stamps]


def own(frames=9):
    stamps = [number * PERIOD_MS for number in range(frames)]
    return [(stamp_ms, {DEPTH: [stamp_ms]}) for stamp_ms in stamps]


@pytest.mark.parametrize('late_ms', [0, 20, 40, 60, 80, 500, 2000])
def test_an_image_has_the_depth_of_its_stamp_however_late_either_was_recorded(tmp_path, late_ms):
    assert grouped(write(tmp_path / 'depth', drive(depth_ms=late_ms))) == own()
    assert grouped(write(tmp_path / 'image', drive(image_ms=late_ms))) == own()


@pytest.mark.parametrize('first', [IMAGE, DEPTH])
@pytest.mark.parametrize('waiting_bytes', [10**9, 3000, 0])
def test_a_bag_with_one_topic_after_the_other_is_read_in_little_memory(
    tmp_path, first, waiting_bytes
):
    messages = sorted(drive(), key=lambda found: (found[0] != first, found[1]))
    bag = write(tmp_path / 'bag', [(*found[:2], time) for time, found in enumerate(messages)])
    assert grouped(bag, waiting_bytes=waiting_bytes) == own()


def test_no_more_waits_than_is_allowed(tmp_path):
    bag = write(tmp_path / 'bag', drive(100, depth_ms=60_000))
    with (
        BagReader(bag) as reader,
        Lockstep(reader, IMAGE, [DEPTH], [], Recorded.of, 9000) as found,
    ):
        for group in found.groups():
            assert len(group.others) == 1
            waiting = [len(topic.messages) for topic in found._topics.values()]
            assert sum(waiting) <= 9


def test_depth_that_ends_early_does_not_read_the_bag_to_its_end(tmp_path):
    messages = [found for found in drive(50) if found[0] == IMAGE or found[1] < 100]
    bag = write(tmp_path / 'bag', messages)
    with BagReader(bag) as reader, Lockstep(reader, IMAGE, [DEPTH], [], Recorded.of) as found:
        for number, _ in enumerate(found.groups()):
            assert found._read_ns <= at_ns((number + 2) * PERIOD_MS)


def test_images_without_depth_have_none(tmp_path):
    messages = [found for found in drive(6) if found[0] == IMAGE or found[1] not in (33, 66)]
    groups = grouped(write(tmp_path / 'bag', messages))
    assert [others.get(DEPTH, []) for _, others in groups] == [[0], [], [], [99], [132], [165]]


def test_what_has_no_stamp_goes_by_the_time_of_recording_and_none_is_lost(tmp_path):
    transforms = [(TF, None, time_ms) for time_ms in (-50, 10, 20, 40, 400)]
    groups = grouped(write(tmp_path / 'bag', [*drive(3, depth_ms=90), *transforms]))
    assert [others[DEPTH] for _, others in groups] == [[0], [33], [66]]
    assert [others.get(TF) for _, others in groups] == [[-50, 10], [20, 40], [400]]


@pytest.mark.parametrize('apart_s', [-3600, 3600])
@pytest.mark.parametrize('waiting_bytes', [10**9, 3000])
def test_depth_of_another_clock_is_given_out_piece_by_piece(tmp_path, apart_s, waiting_bytes):
    apart = apart_s * 1000
    messages = [
        (topic, stamp_ms + (apart if topic == DEPTH else 0), time_ms)
        for topic, stamp_ms, time_ms in drive(40)
    ]
    groups = grouped(write(tmp_path / 'bag', messages), waiting_bytes=waiting_bytes)
    stamps = [stamp for _, others in groups for stamp in others.get(DEPTH, [])]
    assert stamps == [number * PERIOD_MS + apart for number in range(40)]
    if waiting_bytes == 3000:
        assert max(len(others.get(DEPTH, [])) for _, others in groups) <= 4


def test_a_drive_that_starts_again_is_paired_again(tmp_path):
    twice = drive(4) + [(topic, stamp, time + 1000) for topic, stamp, time in drive(4)]
    assert grouped(write(tmp_path / 'bag', twice)) == own(4) * 2


def test_a_fast_sensor_is_shared_out_by_stamp(tmp_path):
    imu = [(IMU, stamp_ms, stamp_ms + 300) for stamp_ms in range(0, 100, 10)]
    groups = grouped(write(tmp_path / 'bag', [*drive(3), *imu]))
    assert [others[IMU] for _, others in groups] == [[0, 10], [20, 30, 40], [50, 60, 70, 80, 90]]
