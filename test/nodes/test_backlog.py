"""Messages that wait for one thread."""

import struct
import threading
import time

import pytest

from depth_anything_ros.bag import header_stamp_ns
from depth_anything_ros.nodes.backlog import Backlog, Message

SIZE = 1000


def message(stamp, size=SIZE):
    head = bytes((0, 1, 0, 0)) + struct.pack('<iI', stamp, 0)
    return Message(7, head + bytes(size - len(head)))


class Taken:
    """A backlog whose thread is held back until `go`."""

    def __init__(self, limit_bytes=3 * SIZE):
        self.go = threading.Event()
        self.taken, self.errors, self.idle = [], [], 0
        self.backlog = Backlog(limit_bytes, self.errors.append, self._count)
        self.begun = threading.Event()
        self.backlog.do(self._hold)
        assert self.begun.wait(60)

    def _hold(self, _):
        self.begun.set()
        self.go.wait(60)

    def _count(self):
        self.idle += 1

    def add(self, stamp, size=SIZE):
        return self.backlog.add(self.taken.append, message(stamp, size), 'too slow')

    def stop(self, limit_s=60.0):
        self.go.set()
        return self.backlog.stop(limit_s, 'the end')


def test_what_waits_is_bounded_by_bytes_and_the_rest_is_still_counted():
    probe = Taken()
    assert [probe.add(stamp) for stamp in range(5)] == [True, True, True, False, False]
    assert probe.stop()
    assert [header_stamp_ns(one.cdr) // 10**9 for one in probe.taken] == [0, 1, 2, 3, 4]
    assert [one.lost for one in probe.taken] == ['', '', '', 'too slow', 'too slow']
    assert [len(one.cdr) for one in probe.taken] == [SIZE] * 3 + [12] * 2
    assert all(one.arrival_ns == 7 for one in probe.taken)


def test_a_message_without_its_content_still_tells_equal_from_different():
    one, same, other = message(1), message(1), message(2)
    assert one.without_content('x').content == same.content != other.content


def test_a_message_larger_than_the_bound_fits_alone():
    probe = Taken(limit_bytes=SIZE // 2)
    assert [probe.add(1), probe.add(2)] == [True, False]
    probe.stop()


def test_room_comes_back_when_messages_are_taken():
    probe = Taken()
    for stamp in range(3):
        probe.add(stamp)
    probe.go.set()
    deadline_s = time.monotonic() + 60
    while len(probe.taken) < 3 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert probe.add(4)
    probe.stop()


def test_what_is_not_done_in_time_is_given_up_with_the_reason():
    probe = Taken()
    answers = []
    probe.add(1)
    probe.backlog.do(answers.append)
    threading.Timer(0.3, probe.go.set).start()
    assert probe.backlog.stop(0.1, 'the end')
    assert (probe.taken[0].lost, answers) == ('the end', ['the end'])
    assert probe.backlog.given_up == 2


def test_a_thread_that_is_stuck_is_told_of():
    probe = Taken()
    assert not probe.backlog.stop(0.1, 'the end')
    probe.go.set()


def test_work_that_fails_does_not_stop_the_next():
    probe = Taken()

    def fail(_):
        raise ValueError('broken')

    probe.backlog.do(fail)
    probe.add(1)
    assert probe.stop()
    assert [str(error) for error in probe.errors] == ['broken']
    assert len(probe.taken) == 1
    # After the held one and the good one.
    assert probe.idle == 2


@pytest.mark.parametrize('count', [1, 1000])
def test_everything_is_taken_in_order(count):
    probe = Taken(limit_bytes=10**9)
    for stamp in range(count):
        probe.add(stamp, 100)
    assert probe.stop()
    assert [header_stamp_ns(one.cdr) // 10**9 for one in probe.taken] == list(range(count))


def test_of_work_that_is_renewed_the_oldest_and_the_newest_wait_in_turn():
    probe = Taken()
    taken = []
    probe.backlog.do(lambda _: taken.append('first'))
    for number in range(100_000):
        probe.backlog.renew(lambda _, number=number: taken.append(number))
    assert len(probe.backlog._waiting) == 3
    probe.backlog.do(lambda _: taken.append('last'))
    assert probe.stop()
    assert taken == ['first', 0, 99_999, 'last']


def test_renewed_work_is_taken_again_after_its_turn():
    probe = Taken()
    taken, done = [], threading.Event()
    for number in range(3):
        probe.backlog.renew(lambda _, number=number: taken.append(number))
    probe.backlog.do(lambda _: done.set())
    probe.go.set()
    assert done.wait(60)
    probe.backlog.renew(lambda _: taken.append('after'))
    assert probe.stop()
    assert taken == [0, 2, 'after']
