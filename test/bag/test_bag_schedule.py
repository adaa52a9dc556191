import struct

import pytest

from depth_anything_ros.bag import header_stamp_ns
from depth_anything_ros.bag.schedule import Group, Pace, Recorded, group_by_image
from depth_anything_ros.errors import MessageError


def recorded(topic: str, time_ns: int, stamp_ns: 'int | None' = None) -> Recorded:
    stamp = struct.pack('<iI', *divmod(stamp_ns or 0, 10**9))
    return Recorded(topic, time_ns, stamp_ns, bytes((0, 1, 0, 0)) + stamp)


START_NS, NOW_NS = 1_700_000_000 * 10**9, 1_760_000_000 * 10**9


@pytest.mark.parametrize('image_stamp_ns', [0, START_NS + 10])
@pytest.mark.parametrize('depth_stamp_ns', [0, START_NS + 20])
@pytest.mark.parametrize('now_ns', [START_NS + 10, NOW_NS])
def test_messages_without_stamp_are_played_with_the_time_of_recording(
    image_stamp_ns, depth_stamp_ns, now_ns
):
    image = recorded('image', START_NS + 10, image_stamp_ns)
    depth = recorded('depth', START_NS + 20, depth_stamp_ns)
    shift_ns = now_ns - image.taken_ns
    assert header_stamp_ns(image.stamped(shift_ns)) == now_ns
    assert header_stamp_ns(depth.stamped(shift_ns)) == now_ns + 10


def test_a_type_without_header_keeps_its_bytes():
    message = recorded('tf', START_NS)
    assert message.stamped(5) is message.cdr


def test_a_stamp_of_another_clock_that_no_longer_fits_is_refused():
    with pytest.raises(MessageError, match='does not fit'):
        recorded('depth', START_NS, START_NS).stamped(NOW_NS)


def test_unstamped_messages_go_with_the_image_recorded_nearest():
    messages = [
        recorded('image', START_NS, START_NS - 50),
        near := recorded('depth', START_NS + 10, 0),
        far := recorded('depth', START_NS + 90, 0),
        recorded('image', START_NS + 100, START_NS + 50),
    ]
    assert [group.others for group in group_by_image(messages, 'image')] == [(near,), (far,)]


def test_a_message_recorded_after_its_image_still_goes_with_it():
    first, depth_first = recorded('image', 0, 5), recorded('depth', 20, 5)
    second, depth_second = recorded('image', 30, 35), recorded('depth', 55, 35)
    groups = list(group_by_image([first, depth_first, second, depth_second], 'image'))
    assert groups == [Group(first, (depth_first,)), Group(second, (depth_second,))]


def test_messages_before_the_first_and_after_the_last_image_are_not_lost():
    static, image, late = recorded('tf_static', 0), recorded('image', 500), recorded('x', 900)
    assert list(group_by_image([static, image, late], 'image')) == [Group(image, (static, late))]


def test_without_stamps_the_recorded_time_decides():
    messages = [
        recorded('image', 0, 0),
        near := recorded('imu', 10),
        far := recorded('imu', 20),
        recorded('image', 29, 29),
    ]
    assert [group.others for group in group_by_image(messages, 'image')] == [(near,), (far,)]


def test_a_bag_without_the_image_topic_gives_no_group():
    assert list(group_by_image([recorded('imu', 1), recorded('imu', 2)], 'image')) == []


def test_a_group_in_time_is_in_recorded_order_with_the_image_last_of_its_moment():
    image = recorded('image', 20, 5)
    early, same, late = (recorded('other', time_ns) for time_ns in (10, 20, 30))
    assert Group(image, (early, same, late)).in_time() == [early, same, image, late]


def test_pace_is_the_recorded_one_times_the_rate_and_does_not_drift():
    now_s = [50.0]
    pace = Pace(2.0, lambda: now_s[0])
    assert pace.wait_s(7_000_000_000) == 0.0
    assert pace.wait_s(8_000_000_000) == 0.5
    now_s[0] = 50.75
    assert pace.wait_s(8_000_000_000) == 0.0
    assert pace.wait_s(9_000_000_000) == 0.25
