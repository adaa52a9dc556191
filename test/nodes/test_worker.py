import threading
import weakref

from depth_anything_ros.nodes.worker import LatestItemWorker


def test_a_newer_item_replaces_the_waiting_one_and_says_so():
    started, proceed, done = threading.Event(), threading.Event(), []

    def process(item: int) -> None:
        started.set()
        proceed.wait(10)
        done.append(item)

    worker = LatestItemWorker(process, 'test')
    assert worker.submit(1) is False
    assert started.wait(10)
    assert [worker.submit(item) for item in (2, 3, 4)] == [False, True, True]
    proceed.set()
    assert worker.wait_idle(10)
    assert done == [1, 4]
    assert worker.stop(10)


def test_an_offer_gives_way_to_what_waits():
    started, proceed, done = threading.Event(), threading.Event(), []

    def process(item: int) -> None:
        started.set()
        proceed.wait(10)
        done.append(item)

    worker = LatestItemWorker(process, 'test')
    assert worker.offer(1)
    assert started.wait(10)
    assert [worker.offer(item) for item in (2, 3)] == [True, False]
    proceed.set()
    assert worker.wait_idle(10)
    assert done == [1, 2]
    worker.stop(10)


def test_discard_takes_back_what_waits_and_only_that():
    started, proceed, done = threading.Event(), threading.Event(), []

    def process(item: int) -> None:
        started.set()
        proceed.wait(10)
        done.append(item)

    worker = LatestItemWorker(process, 'test')
    assert worker.discard() is False
    worker.submit(1)
    assert started.wait(10)
    worker.submit(2)
    assert worker.discard() is True
    assert worker.wait_idle(0.05) is False
    proceed.set()
    assert worker.wait_idle(10)
    assert done == [1]
    worker.stop(10)


def test_stop_drops_what_waits_and_reports_a_thread_that_does_not_end():
    proceed, started, done = threading.Event(), threading.Event(), []

    def process(item: int) -> None:
        started.set()
        proceed.wait(10)
        done.append(item)

    worker = LatestItemWorker(process, 'test')
    worker.submit(1)
    assert started.wait(10)
    worker.submit(2)
    assert worker.stop(0.05) is False
    proceed.set()
    assert worker.stop(10) is True
    assert done == [1]


def test_what_is_demanded_comes_first_and_is_not_replaced():
    started, proceed, done = threading.Event(), threading.Event(), []

    def process(item: str) -> None:
        started.set()
        proceed.wait(10)
        done.append(item)

    worker = LatestItemWorker(process, 'test')
    worker.submit('image 1')
    assert started.wait(10)
    assert worker.submit('image 2') is False
    worker.demand('save 1')
    worker.demand('save 2')
    assert worker.submit('image 3') is True
    proceed.set()
    assert worker.wait_idle(10)
    assert done == ['image 1', 'save 1', 'save 2', 'image 3']
    worker.stop(10)


def test_what_is_demanded_is_refused_by_discard_and_stop():
    started, proceed, refused = threading.Event(), threading.Event(), []

    def process(item: str) -> None:
        started.set()
        proceed.wait(10)

    worker = LatestItemWorker(process, 'test', refused.append)
    worker.submit('image')
    assert started.wait(10)
    worker.demand('save 1')
    assert worker.discard() is False
    assert refused == ['save 1']
    worker.demand('save 2')
    assert worker.stop(0.0) is False
    worker.demand('save 3')
    assert refused == ['save 1', 'save 2', 'save 3']
    proceed.set()
    assert worker.stop(10) is True


def test_an_item_is_let_go_when_it_is_done():
    class Item:
        pass

    worker = LatestItemWorker(lambda item: None, 'test')
    item = Item()
    kept = weakref.ref(item)
    worker.submit(item)
    del item
    assert worker.wait_idle(10)
    assert kept() is None
    worker.stop(10)
