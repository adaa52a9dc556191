"""The state of a run on disk, from which it goes on as if it had not been stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from depth_anything_ros.errors import CheckpointError, ConfigError
from depth_anything_ros.files import writing
from depth_anything_ros.models.pickles import load_pickle

LAST = 'last.pt'
_FORMAT = 1


def save_run(folder: Path, state: Mapping[str, object]) -> None:
    """
    Write the state of a run, replacing the one before at once.

    Whenever the process is killed, the folder holds a whole state: the old one or the new one.

    :param state: tensors, numbers, texts, and dicts and lists of them.
    :raises OutputError: if it cannot be written.
    """
    with writing(folder / LAST) as file:
        torch.save({'format': _FORMAT, **state}, file)


def load_run(folder: Path) -> dict[str, Any]:
    """
    Read the state of a run onto the CPU; nothing in the file is executed.

    The optimiser counts its steps there: on a GPU it would wait for every count it reads.

    :raises CheckpointError: if there is none, or it cannot be read safely with this torch.
    """
    path = folder / LAST
    if not path.is_file():
        raise CheckpointError(f"no run to resume: '{path}' does not exist")
    try:
        state = load_pickle(path)
    except ValueError as error:
        raise CheckpointError(f"'{path}' is damaged or not a run: {error}") from error
    if not isinstance(state, dict) or state.get('format') != _FORMAT:
        raise CheckpointError(f"'{path}' is not the state of a run in format {_FORMAT}")
    return state


def check_same_run(saved: Mapping[str, object], asked: Mapping[str, object]) -> None:
    """
    Check that a run is resumed with the settings it was started with.

    :raises ConfigError: if not; the message names the settings with both values.
    """
    differing = [
        f'{name} was {saved.get(name)!r}, is {asked.get(name)!r}'
        for name in sorted({*saved, *asked})
        if saved.get(name) != asked.get(name)
    ]
    if differing:
        raise ConfigError(f'the run cannot be resumed with other settings: {"; ".join(differing)}')
