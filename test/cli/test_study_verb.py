import json

import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.cli.study import _RECIPES
from depth_anything_ros.lab.compression import study as module
from depth_anything_ros.lab.compression.chain import chain_text, parse_chain
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights

QUICK = ['--backend', 'torch:fp32', '--threads', '1', '--runs', '1', '--views', '1']
SMALL = [*QUICK, '--input-size', '64', '--data', 'simulator:5:2:64x48']
STUDY = ['study', '--model', 'tiny']


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    monkeypatch.setattr(module, 'peak_memory_bytes', lambda load: 300_000_000)


@pytest.mark.slow
def test_study_leaves_its_files_and_shows_its_tables(tmp_path, capsys):
    out = tmp_path / 'out'
    recipes = ['--recipes', 'int16_static; prune(0.9)', '--recipe', 'int8_static']
    calibration = ['--calibration', 'simulator:6:2:64x48', '--calibration-images', '1']
    assert main([*STUDY, *SMALL, *recipes, *calibration, '--out', str(out)]) == 0
    shown = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == [
        'files', 'first_1.png', 'journal.jsonl', 'obstacles_1.png', 'report.md', 'size_1.png',
        'sparsity_1.png', 'study.csv', 'study.json',
    ]  # fmt: skip
    answer = json.loads((out / 'study.json').read_text())
    names = ['float32', 'int16_static', 'prune(0.9)', 'int8_static']
    assert [result['recipe'] for result in answer['recipes']] == names
    assert answer['recipes'][0]['file']['identical']
    assert answer['protocol']['obstacles']['obstacle_reach_m'] == 4.0
    aligned = answer['recipes'][0]['scores']['simulator:5:2:64x48']['scale_shift']
    assert 0 <= aligned['obstacles.missed'] <= 1
    assert 'obstacles missed' in shown.out
    assert answer['recipes'][1]['file']['sqnr_db'] > 80
    assert answer['protocol']['calibration'] == 'simulator:6:2:64x48 (at most 1 images)'
    assert load_weights(
        MODELS['tiny'], str(out / 'files' / 'int8_static.safetensors')
    ).activation_ranges
    assert 'within 3% of the parent with no share studied; with 90% AbsRel is' in shown.out
    assert f'results in {out}' in shown.out


def test_random_weights_are_named_and_other_settings_refused(tmp_path, capsys):
    words = [*STUDY, *SMALL, '--recipes', 'fp16', '--weights', 'random']
    words += ['--out', str(tmp_path), '--json', str(tmp_path / 'answer.json')]
    assert main(words) == 0
    assert 'random weights: no score means anything' in capsys.readouterr().err
    assert json.loads((tmp_path / 'answer.json').read_text())['model']['weights'] == 'random'
    assert main([*words, '--range', '0.5:4']) == 1
    assert 'begun with {"min_depth_m": 0.2, "max_depth_m": 8.0}' in capsys.readouterr().err
    assert main([*words, '--range', '0.5:4', '--restart']) == 0


@pytest.mark.slow
def test_the_protocol_of_the_paper_has_its_table_beside_aligned_scores(tmp_path, capsys):
    words = [*STUDY, *QUICK, '--data', 'simulator:5:1:64x48', '--recipes', 'fp16']
    assert main([*words, '--protocol', 'seed000', '--out', str(tmp_path)]) == 0
    answer = json.loads((tmp_path / 'study.json').read_text())
    assert answer['protocol']['protocol'] == 'seed000'
    assert answer['protocol']['input_size'] == 224
    scores = answer['recipes'][0]['scores']['simulator:5:1:64x48']
    shown = capsys.readouterr().out
    assert 'table 1 of "Depth Anything V2 Mini", beside aligned scores\nmodel variant' in shown
    report = (tmp_path / 'report.md').read_text()
    for number in (scores['none']['rmse'], scores['scale_shift']['rmse']):
        assert f'| {number:.2f} |' in report
    assert 'by protocol seed000: truth above 0 m' in report


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--protocol', 'mini'], "unknown protocol 'mini'; known: robot, raw"),
        (['--recipes', 'int4'], "unknown recipe 'int4'; known: prune"),
        (['--recipes', 'prune(2)'], 'amount 2; allowed: 0.1 to 0.9'),
        (['--data', 'nothing'], "'nothing' names no data"),
        (['--calibration', 'nothing'], "'nothing' names no data"),
        (['--backend', 'abacus'], "unknown backend 'abacus'; known: torch"),
        (['--backend', 'torch:int4'], "unknown precision 'int4'; known: auto, fp32"),
        (['--runs', '0'], '--runs 0; allowed: 1 or more'),
        (['--calibration-images', '0'], '--calibration-images 0; allowed: 1 or more'),
        (['--input-size', '65'], 'input size 65 is not a positive multiple of the patch 32'),
        (['--checkpoint', 'none.pth'], 'none.pth'),
    ],
)
def test_wrong_option_is_told_in_one_line(tmp_path, capsys, options, message):
    assert main([*STUDY, *SMALL, '--out', str(tmp_path / 'out'), *options]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_default_recipes_are_written_in_their_shortest_form():
    assert [chain_text(parse_chain(word)) for word in _RECIPES] == list(_RECIPES)


def test_help_teaches_with_examples(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['study', '--help'])
    shown = capsys.readouterr().out
    assert 'depth_anything_ros study --model tiny --data simulator:90001:200 --out study' in shown
