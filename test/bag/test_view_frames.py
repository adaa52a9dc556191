"""Frames of a view: whole, at a rate, and unchanged between processes."""

import io

import pytest

from depth_anything_ros.bag.view_frames import (
    FrameGate,
    ViewMessage,
    deserialize,
    read_messages,
    write_message,
    write_news,
)
from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.errors import DatasetError, MessageError

ALL = (Role.IMAGE, Role.RELATIVE, Role.DEPTH, Role.SCALE)
MS = 1_000_000


def message(role, time_ms, size=1):
    return ViewMessage(role, round(time_ms * MS), f'/{role.value}', 'a/msg/B', bytes(size))


def passed(gate, *messages):
    """Return (role, ms) of what a gate lets through."""
    return [
        (item.role, item.time_ns / MS) for given in messages for item in gate.add(message(*given))
    ]


def test_depth_leads_and_takes_what_has_its_time_along():
    gate = FrameGate(0, ALL)
    shown = passed(
        gate, (Role.IMAGE, 0), (Role.IMAGE, 33), (Role.IMAGE, 66), (Role.RELATIVE, 33),
        (Role.DEPTH, 33), (Role.SIGMA, 33), (Role.SCALE, 33), (Role.SCALE, 33), (Role.IMAGE, 99),
    )  # fmt: skip
    assert shown == [
        (Role.IMAGE, 33), (Role.DEPTH, 33), (Role.SIGMA, 33), (Role.SCALE, 33),
    ]  # fmt: skip
    assert gate.frames == 1


def test_the_nearest_image_goes_with_depth_of_another_clock():
    gate = FrameGate(0, (Role.IMAGE, Role.DEPTH))
    assert passed(gate, (Role.IMAGE, 0), (Role.IMAGE, 33), (Role.DEPTH, 30)) == [
        (Role.IMAGE, 33),
        (Role.DEPTH, 30),
    ]


def test_at_most_so_many_frames_a_second_pass_whole():
    gate = FrameGate(10, ALL)
    given = [(role, index * 100 / 3) for index in range(90) for role in (Role.IMAGE, Role.DEPTH)]
    shown = passed(gate, *given)
    assert len(shown) == 2 * 30 and gate.frames == 30
    assert all(image[1] == depth[1] for image, depth in zip(shown[::2], shown[1::2], strict=True))


def test_scans_have_the_rate_too_and_calibration_and_tf_all_pass():
    gate = FrameGate(10, ALL)
    given = [(role, 25 * i) for i in range(4) for role in (Role.SCAN, Role.TF, Role.CAMERA_INFO)]
    shown = passed(gate, *given)
    counts = {role: [item[0] for item in shown].count(role) for role, _ in shown}
    assert counts == {Role.SCAN: 1, Role.TF: 4, Role.CAMERA_INFO: 4}


def test_without_metres_relative_depth_leads_until_they_come():
    gate = FrameGate(0, ALL)
    for index in range(40):
        passed(gate, (Role.IMAGE, 100 * index), (Role.RELATIVE, 100 * index))
    assert 5 <= gate.frames <= 15
    late = passed(gate, (Role.IMAGE, 5000), (Role.RELATIVE, 5000))
    assert late == [(Role.IMAGE, 5000), (Role.RELATIVE, 5000)]
    assert passed(gate, (Role.IMAGE, 5100), (Role.DEPTH, 5100))[-1] == (Role.DEPTH, 5100)
    assert passed(gate, (Role.RELATIVE, 5200)) == []


def test_what_waits_for_depth_is_bounded_in_number_and_size():
    gate = FrameGate(0, (Role.IMAGE, Role.DEPTH))
    for index in range(10):
        passed(gate, (Role.IMAGE, 100 * index, 60_000_000))
    assert sum(len(item.cdr) for item in gate._waiting) <= 256_000_000


def test_a_bag_that_starts_again_goes_on():
    gate = FrameGate(10, (Role.IMAGE,))
    assert len(passed(gate, (Role.IMAGE, 900), (Role.IMAGE, 0), (Role.IMAGE, 100))) == 3


def test_messages_go_between_processes_unchanged():
    stream, told = io.BytesIO(), []
    sent = [message(Role.DEPTH, 5, 70_000), message(Role.TF, 0, 0)]
    write_news(stream, {'/depth': Role.DEPTH})
    for item in sent:
        write_message(stream, item)
    stream.seek(0)
    assert list(read_messages(stream, told.append)) == sent
    assert told == [{'/depth': Role.DEPTH}]


def test_a_problem_ends_the_stream():
    stream = io.BytesIO()
    write_news(stream, 'nothing to show')
    stream.seek(0)
    with pytest.raises(DatasetError, match='nothing to show'):
        list(read_messages(stream, print))


def test_a_stream_that_breaks_off_ends_with_the_last_whole_message():
    stream = io.BytesIO()
    write_message(stream, message(Role.DEPTH, 5, 10))
    whole = stream.tell()
    write_message(stream, message(Role.DEPTH, 6, 10))
    for end in (whole + 20, stream.tell() - 1):
        cut = io.BytesIO(stream.getvalue()[:end])
        assert len(list(read_messages(cut, print))) == 1


def test_bytes_of_another_type_are_told():
    broken = ViewMessage(Role.IMAGE, 0, '/image', 'sensor_msgs/msg/Image', b'\0\1\0\0\1')
    with pytest.raises(MessageError, match='/image cannot be read'):
        deserialize(broken)
