"""Errors reach the process that started another one."""

import pickle

from depth_anything_ros.errors import MissingDependencyError


def test_missing_dependency_passes_between_processes() -> None:
    error = MissingDependencyError('h5py', 'nyu')
    rebuilt = pickle.loads(pickle.dumps(error))
    assert type(rebuilt) is MissingDependencyError
    assert str(rebuilt) == str(error)
    assert "pip install 'depth_anything_ros[nyu]'" in str(rebuilt)
