import threading

from depth_anything_ros.nodes.turns import Turn, Turns
from depth_anything_ros.nodes.worker import LatestItemWorker


def asking(turn, done):
    """Ask for a turn in a thread, and note when it has come; return once it stands in line."""
    before = len(turn._line)
    thread = threading.Thread(target=lambda: (turn.begin(), done.append(turn)))
    thread.start()
    while len(turn._line) == before:
        pass
    return thread


def test_turns_come_in_the_order_in_which_they_are_asked_for():
    turns, done = Turns(), []
    first, second, third = (turns.join() for _ in range(3))
    first.begin()
    waiting = [asking(third, done), asking(second, done)]
    first.end()
    waiting.pop(0).join(10)
    assert done == [third]
    waiting.append(asking(first, done))
    for ended, expected in ((third, second), (second, first)):
        ended.end()
        waiting.pop(0).join(10)
        assert done[-1] is expected
    assert done == [third, second, first]


def test_an_end_without_a_turn_leaves_that_of_others():
    turns, done = Turns(), []
    first, second = turns.join(), turns.join()
    first.begin()
    waiting = asking(second, done)
    second.end()
    assert not done
    first.end()
    first.end()
    waiting.join(10)
    assert done == [second]


def test_how_long_others_had_their_turn_is_told():
    turns, done = Turns(), []
    first, second = turns.join(), turns.join()
    assert (Turn().waited_ms, second.waited_ms) == (None, None)
    first.begin()
    waiting = asking(second, done)
    waiting.join(0.02)
    first.end()
    waiting.join(10)
    assert second.waited_ms >= 20.0 > first.waited_ms


class Cameras:
    """Workers that share turns, each with a function that waits until it is let go on."""

    def __init__(self, names):
        turns = Turns()
        self.order, self.proceed = [], threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.turns = {name: turns.join() for name in names}
        self.workers = {
            name: LatestItemWorker(self.process, name, turn=turn)
            for name, turn in self.turns.items()
        }

    def process(self, item):
        self.order.append(item)
        self.begun.release()
        assert self.proceed.acquire(timeout=10)

    def submit(self, name, item):
        """Submit an item and wait until its worker stands in line."""
        self.workers[name].submit(item)
        while self.turns[name] not in self.turns[name]._line:
            pass

    def go_on(self):
        """Let one go on; return what the next one works on."""
        self.proceed.release()
        assert self.begun.acquire(timeout=10)
        return self.order[-1]

    def close(self):
        for _ in range(20):
            self.proceed.release()
        assert all(worker.stop(10) for worker in self.workers.values())


def test_a_busy_camera_leaves_every_second_turn_to_one_with_a_frame_and_all_others_to_itself():
    cameras = Cameras(('busy', 'slow'))
    cameras.submit('busy', 'busy 0')
    assert cameras.begun.acquire(timeout=10)
    cameras.workers['busy'].submit('busy 1')
    assert cameras.go_on() == 'busy 1'
    cameras.submit('slow', 'slow 0')
    cameras.workers['busy'].submit('busy 2')
    assert cameras.go_on() == 'slow 0'
    assert cameras.go_on() == 'busy 2'
    cameras.close()


def test_the_newest_item_is_taken_when_the_turn_comes_and_none_that_was_taken_back():
    cameras = Cameras(('front', 'rear', 'left'))
    cameras.submit('front', 'front')
    assert cameras.begun.acquire(timeout=10)
    cameras.submit('rear', 'taken back')
    cameras.submit('left', 'old')
    assert cameras.workers['left'].submit('new') is True
    assert cameras.workers['rear'].discard() is True
    assert cameras.go_on() == 'new'
    cameras.close()
    assert cameras.order == ['front', 'new']


def test_an_item_that_fails_hands_the_turn_on(monkeypatch):
    monkeypatch.setattr(threading, 'excepthook', lambda _: None)
    turns, done = Turns(), threading.Event()
    failing = LatestItemWorker(lambda _: 1 / 0, 'failing', turn=turns.join())
    other = LatestItemWorker(lambda _: done.set(), 'other', turn=turns.join())
    failing.submit(1)
    failing._thread.join(10)
    other.submit(1)
    assert done.wait(10)
    assert other.stop(10)
