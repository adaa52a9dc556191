"""Calls that are done again where the process that did them was lost."""

import os
from functools import partial
from pathlib import Path

import made_calls
import pytest

from depth_anything_ros.errors import WorkerError
from depth_anything_ros.lab.workers import completed, local_workers


@pytest.fixture(autouse=True)
def _workers_find_the_functions(monkeypatch):
    folder = str(Path(made_calls.__file__).parent)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([folder, os.environ.get('PYTHONPATH', '')]))


def test_results_of_all_calls_come():
    assert sorted(completed(partial(local_workers, 1), made_calls.double, range(5))) == [
        0, 2, 4, 6, 8,
    ]  # fmt: skip


def test_an_error_of_a_call_is_raised():
    with pytest.raises(ValueError, match='3'):
        list(completed(partial(local_workers, 1), made_calls.fail, [3]))


def test_calls_of_a_process_that_was_killed_are_done_again(tmp_path):
    names = [str(tmp_path / name) for name in 'ab']
    found = list(completed(partial(local_workers, 2), made_calls.die_once, names))
    assert sorted(found) == ['a', 'b']


@pytest.mark.slow
def test_calls_that_kill_every_process_are_given_up():
    with pytest.raises(WorkerError, match='a process ended before its work'):
        list(completed(partial(local_workers, 2), made_calls.die, [1]))
