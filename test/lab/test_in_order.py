import threading
import time

import pytest

from depth_anything_ros.lab.in_order import in_order


def test_results_come_in_the_order_of_the_items_whoever_is_done_first():
    delays_s = [0.03, 0.0, 0.02, 0.0, 0.01]

    def work(item):
        time.sleep(delays_s[item])
        return item, threading.get_ident()

    found = list(in_order(work, range(5)))
    assert [item for item, _ in found] == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in {thread for _, thread in found}


def test_several_items_are_at_work_at_once():
    meeting = threading.Barrier(3, timeout=60)
    assert list(in_order(lambda _: meeting.wait() >= 0, range(3), threads=3)) == [True] * 3


def test_one_thread_is_at_one_item_at_a_time():
    busy = threading.Lock()

    def work(item):
        assert busy.acquire(blocking=False)
        time.sleep(0.001)
        busy.release()
        return item

    assert list(in_order(work, range(5), threads=1)) == list(range(5))


def test_items_are_taken_by_the_caller_and_few_ahead():
    taken = []

    def items():
        for item in range(20):
            taken.append(threading.get_ident())
            yield item

    results = in_order(lambda item: item, items(), threads=3)
    assert next(results) == 0
    assert taken == [threading.get_ident()] * 4
    results.close()
    assert len(taken) == 4


def test_an_error_comes_in_the_place_of_its_item():
    results = in_order(lambda item: 1 // (item - 2), range(5))
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_was_not_begun_when_the_caller_stops_is_left():
    begun, hold = [], threading.Event()

    def work(item):
        begun.append(item)
        if item:
            hold.wait(60)
        return item

    results = in_order(work, range(9), threads=1)
    assert next(results) == 0
    stopper = threading.Timer(0.05, hold.set)
    stopper.start()
    results.close()
    stopper.join()
    assert begun in ([0], [0, 1])
