"""Every verb that cannot write ends with one line, and leaves what was there as it was."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest
from made_networks import write_folder
from made_pictures import scene
from made_runs import evaluated

import depth_anything_ros.cli
from depth_anything_ros.cli.main import VERBS, main

DATA = ['--data', 'simulator:5:2:64x48']
TINY = ['--model', 'tiny']
TORCH = ['--backend', 'torch', '--precision', 'fp32']
TRAINING = [
    *TINY, *DATA, '--size', '32x64', '--batch', '1', '--workers', '0', '--device', 'cpu',
    '--validate', '',
]  # fmt: skip
DRIVE = str(Path(depth_anything_ros.cli.__file__).parent / 'sample_drive')
# What each verb is asked to write, below the folder OUT. Short work: the writing is what counts.
CALLS = {
    'info json': ['info', '--json', 'OUT/a.json'],
    'benchmark json': ['benchmark', *TINY, '--runs', '1', '--json', 'OUT/a.json'],
    'benchmark csv': ['benchmark', *TINY, '--runs', '1', '--csv', 'OUT/a.csv'],
    'benchmark plots': ['benchmark', *TINY, '--runs', '1', '--plots', 'OUT/plots'],
    'benchmark layers': ['benchmark', *TINY, '--runs', '1', '--layers', 'OUT/a.csv'],
    'predict picture': ['predict', 'OUT/../photo.png', *TORCH, '--out', 'OUT/depth'],
    'record bag': [
        'record', DRIVE, '--frames', '1', *TINY, '--backend', 'torch', '--out', 'OUT/bag',
    ],
    'view save': ['view', DRIVE, '--save', 'OUT/a.rrd'],
    'evaluate out': ['evaluate', *TINY, *TORCH, *DATA, '--out', 'OUT/results'],
    'evaluate json': ['evaluate', *TINY, *TORCH, *DATA, '--json', 'OUT/a.json'],
    'evaluate grid': ['evaluate', *TINY, *TORCH, *DATA, '--grid', 'OUT/a.png'],
    'compare json': ['compare', 'OUT/../one', 'OUT/../two', '--json', 'OUT/a.json'],
    'compress out': ['compress', *TINY, '--recipe', 'prune(0.5)', '--out', 'OUT/a.safetensors'],
    'compress json': [
        'compress', *TINY, '--recipe', 'prune(0.5)', '--out', 'OUT/../b.safetensors',
        '--json', 'OUT/a.json',
    ],
    'export out': [
        'export', *TINY, '--input-size', '64', '--format', 'onnx', '--out', 'OUT/folder',
    ],
    'results out': ['results', '--out', 'OUT/a.md'],
    'study out': ['study', *TINY, *DATA, '--recipe', 'prune(0.5)', '--out', 'OUT/study'],
    'simulate bag': ['simulate', 'OUT/bag', '--frames', '2', '--size', '160x120'],
    'simulate sqlite3': [
        'simulate', 'OUT/bag', '--frames', '2', '--size', '160x120', '--storage', 'sqlite3',
    ],
    'simulate both': [
        'simulate', 'OUT/bag', '--frames', '2', '--size', '160x120', '--storage', 'both',
    ],
    'scale json': ['scale', '--drives', '1', '--frames', '2', '--json', 'OUT/a.json'],
    'complete picture': [
        'complete', *TINY, *TORCH, *DATA, '--drives', '0', '--seeds', '1',
        '--picture', 'OUT/a.png',
    ],
    'calibrate out': [
        'calibrate', *TINY, *TORCH, '--measured', 'axis', '--out', 'OUT/a.yaml',
        '--at', 'OUT/../photo.png', '90,60', '2.0', '--at', 'OUT/../photo.png', '240,200', '1.0',
    ],
    'calibrate-uncertainty out': [
        'calibrate-uncertainty', *TINY, *TORCH, *DATA, '--out', 'OUT/a.sigma.json',
    ],
    'refine picture': [
        'refine', *TINY, *TORCH, *DATA, '--drives', '0', '--picture', 'OUT/a.png',
    ],
    'score out': ['score', *DATA, '--jobs', '1', '--out', 'OUT/scores'],
    'train out': ['train', *TRAINING, '--steps', '2', '--out', 'OUT/run'],
    'finetune out': [
        'finetune', *TRAINING, '--max-depth', '10', '--epochs', '1', '--out', 'OUT/run',
    ],
    'verify json': [
        'verify', 'OUT/../net', '--data', 'simulator:5:5:64x48', '--json', 'OUT/a.json',
    ],
    'demo out': ['demo', '--frames', '1', '--out', 'OUT/demo'],
}  # fmt: skip


def _arguments(name: str, out: Path) -> list[str]:
    if name.startswith(('predict', 'calibrate')):
        cv2.imwrite(str(out.parent / 'photo.png'), scene(320, 240))
    if name.startswith('verify'):
        write_folder(out.parent / 'net')
    if name.startswith('compare'):
        for run in ('one', 'two'):
            evaluated(out.parent / run, {'a/1': 0.1, 'a/2': 0.2})
    return [word.replace('OUT', str(out)) for word in CALLS[name]]


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def _check(err: str, reason: str) -> None:
    assert 'Traceback' not in err
    (line,) = [line for line in err.splitlines() if ' error: ' in line]
    assert re.fullmatch(f"depth_anything_ros: error: cannot write '.*': {reason}; .*", line)
    assert '.part' not in line


def test_every_verb_is_tried():
    assert {name.split()[0] for name in CALLS} == set(VERBS)


@pytest.mark.parametrize('name', CALLS)
def test_a_full_disk_is_told_in_one_line(name, full_disk, capsys):
    assert main(_arguments(name, full_disk)) == 1
    _check(capsys.readouterr().err, '(No space left on device|.*disk is full)')
    assert _names(full_disk) == ['a.txt', 'filling']
    assert (full_disk / 'a.txt').read_text() == 'old'


# What writes more than 64 kB, so that the disk is found full in the middle.
LARGE = [
    'compress out', 'export out', 'simulate bag', 'simulate sqlite3', 'simulate both',
    'evaluate grid', 'train out', 'finetune out', 'refine picture',
]  # fmt: skip


@pytest.mark.parametrize('name', LARGE)
def test_a_disk_that_gets_full_meanwhile_is_told_in_one_line(name, tmp_path, small_files, capsys):
    assert main(_arguments(name, tmp_path)) == 1
    _check(capsys.readouterr().err, '(File too large|disk I/O error|database or disk is full)')
    assert _names(tmp_path) == []


def test_what_an_earlier_call_made_survives_one_that_fails(tmp_path, small_files, capsys):
    bag = tmp_path / 'bag'
    short = ['simulate', str(bag), '--size', '64x48', '--frames', '1', '--storage', 'mcap']
    assert main(short) == 0
    before = {path: path.read_bytes() for path in bag.iterdir()}
    assert before
    assert main([*short, '--size', '640x480', '--force']) == 1
    assert {path: path.read_bytes() for path in bag.iterdir()} == before
    assert _names(tmp_path) == sorted(f'bag/{path.name}' for path in before)
