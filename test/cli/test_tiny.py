"""The model that ships keeps what docs/tiny.md says of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from depth_anything_ros.cli.main import main
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.hub import published_file
from depth_anything_ros.models.local_file import file_sha256

TINY = MODELS['tiny']
BASELINE = 'simulator:0:300'
ROBOT_SOURCES = ('felix_lowrobot', 'felix_box', 'aims_robot')


def test_tiny_is_small_enough_to_ship() -> None:
    path = published_file(TINY)
    assert path.stat().st_size <= 12e6
    assert file_sha256(path) == TINY.sha256
    with torch.device('meta'):
        model = create_model(TINY)
    assert sum(values.numel() for values in model.parameters()) == TINY.parameters <= 6e6


@pytest.mark.slow
def test_tiny_sees_depth_in_rooms_it_never_saw(tmp_path: Path) -> None:
    # Training took world 0, choosing what to train took world 1,000,000.
    metrics = _evaluate(tmp_path, 'simulator:90001:100')['metrics']
    assert metrics['abs_rel'] <= 0.13
    assert metrics['delta1'] >= 0.81


@pytest.mark.slow
def test_tiny_beats_the_best_guess_without_looking_on_real_frames(
    tmp_path: Path, rgbd: Path
) -> None:
    answer = _evaluate(tmp_path, f'rgbd_folder/real:{rgbd}', '--baseline', BASELINE)
    assert answer['images'] > 50
    assert answer['failed'] == 0
    assert answer['ratio']['value'] <= 0.82
    for source in ROBOT_SOURCES:
        assert answer['sources'][source]['ratio']['value'] < 1


def _evaluate(folder: Path, word: str, *options: str) -> dict[str, Any]:
    path = folder / 'answer.json'
    arguments = ['--model', 'tiny', '--data', word, '--pictures', '0', '--json', str(path)]
    assert main(['evaluate', *arguments, *options]) == 0
    (answer,) = json.loads(path.read_text())['data']
    found: dict[str, Any] = answer['models']['tiny']
    return found
