import argparse
import csv
import json
import re
import shutil

import cv2
import numpy as np
import pytest
import torch

from depth_anything_ros.cli import evaluate
from depth_anything_ros.cli.evaluation_targets import asked_targets
from depth_anything_ros.cli.main import main
from depth_anything_ros.cli.protocol_options import (
    add_protocol_arguments,
    chosen_protocol,
    protocol_doubts,
)
from depth_anything_ros.errors import BackendError, ConfigError, DatasetError, UnknownNameError
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.datasets.base import PairedFiles
from depth_anything_ros.lab.evaluation.figures import expected_figures
from depth_anything_ros.models.checkpoint import load_estimator

MODEL = 'tiny'
SMALL = [
    '--model', MODEL, '--weights', 'random', '--backend', 'torch', '--precision', 'fp32',
    '--input-size', '32',
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three pairs of colour and depth."""
    rng = np.random.default_rng(0)
    for name in ('rgb', 'depth'):
        (tmp_path / 'room' / name).mkdir(parents=True)
    for index in range(3):
        rgb = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
        depth_mm = np.linspace(1000, 3000 + 500 * index, 48)[:, None] + rng.uniform(0, 200, 64)
        cv2.imwrite(str(tmp_path / 'room' / 'rgb' / f'{index:06d}.png'), rgb)
        cv2.imwrite(
            str(tmp_path / 'room' / 'depth' / f'{index:06d}.png'), depth_mm.astype(np.uint16)
        )
    return tmp_path / 'room'


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def run(tmp_path, folder):
    def run(*words: str) -> tuple[int, dict]:
        data = f'rgbd_folder:{folder}'
        arguments = [*SMALL, '--data', data, '--json', str(tmp_path / 'answer.json'), *words]
        status = evaluate.run(parsed(*arguments))
        return status, json.loads((tmp_path / 'answer.json').read_text())

    return run


def test_a_model_is_scored_on_every_image_and_against_the_baseline(run, folder, tmp_path, capsys):
    word = f'rgbd_folder:{folder}'
    status, answer = run('--baseline', word, '--out', str(tmp_path / 'out'))
    assert status == 0
    (data,) = answer['data']
    assert data['word'] == word
    model = data['models'][MODEL]
    assert (model['images'], model['failed']) == (3, 0)
    assert 0 < model['metrics']['abs_rel'] < 1
    ratio = model['ratio']
    assert ratio['value'] == pytest.approx(model['metrics']['abs_rel'] / ratio['reference'])
    assert ratio['low'] <= ratio['value'] <= ratio['high']
    # The scenes differ by their range only: a map of them is nearly right for each.
    assert ratio['value'] > 1
    assert set(data['baseline']['candidates']) == {'mean', 'normalised_mean', 'principal'}
    assert answer['models'][MODEL]['weights'] == 'random'
    assert answer['models'][MODEL]['input_size'] == [32, 32]
    assert answer['protocol']['alignment'] == 'scale_shift'
    assert (answer['protocol']['baseline'], answer['protocol']['baseline_scenes']) == (word, 3)
    assert answer['warnings'] == [f'{MODEL}: random weights: the depth means nothing']
    shown = capsys.readouterr()
    assert 'all' in shown.out
    assert 'random weights' in shown.err


def test_the_folder_holds_table_report_summary_and_pictures(run, tmp_path):
    _, answer = run('--out', str(tmp_path / 'out'), '--grid', str(tmp_path / 'grid.png'))
    out = tmp_path / 'out'
    assert json.loads((out / 'summary.json').read_text()) == answer
    with (out / 'images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['predictor'] for row in rows] == [MODEL] * 3
    mean = np.mean([float(row['abs_rel']) for row in rows])
    found = answer['data'][0]['models'][MODEL]
    assert mean == pytest.approx(found['metrics']['abs_rel'])
    assert f'# {MODEL}' in (out / 'report.md').read_text()
    page = (out / 'report.html').read_text()
    assert '<svg' in page
    # Of three images three are the worst.
    assert sorted(re.findall('<h3>(.*?)</h3>', page)) == [f'room/00000{n}' for n in range(3)]
    assert len(list((out / 'pictures').iterdir())) == 1
    assert cv2.imread(str(tmp_path / 'grid.png')) is not None


def test_pictures_of_data_sets_of_one_name_do_not_replace_each_other(run, folder, tmp_path):
    # The same files twice, as two data sets of different words.
    run('--data', f'rgbd_folder/all:{folder}', '--out', str(tmp_path / 'out'))
    names = sorted(path.name for path in (tmp_path / 'out' / 'pictures').iterdir())
    assert len(names) == 2
    assert names[0].startswith('rgbd_folder_')


def test_failed_images_are_counted_and_never_become_a_number(run, monkeypatch, capsys):
    def predict(self, rgb):
        raise BackendError('torch gave 3 of 9 values that are not finite')

    monkeypatch.setattr(Predictor, 'predict', predict)
    status, answer = run()
    assert status == 1
    model = answer['data'][0]['models'][MODEL]
    assert (model['images'], model['failed']) == (3, 3)
    assert model['metrics']['abs_rel'] is None
    assert '3 of 3 images have no score' in capsys.readouterr().err


def test_a_constant_prediction_fails_and_is_counted(run, monkeypatch):
    infer = Predictor.infer
    monkeypatch.setattr(Predictor, 'infer', lambda self, given: 0 * infer(self, given) + 1)
    status, answer = run()
    assert status == 1
    assert any('constant' in warning for warning in answer['data'][0]['warnings'])


def test_range_and_alignment_reach_the_score(run):
    _, answer = run('--range', '0.5:2.5', '--align', 'none')
    assert answer['protocol']['alignment'] == 'none'
    assert (answer['protocol']['min_depth_m'], answer['protocol']['max_depth_m']) == (0.5, 2.5)


def test_without_a_protocol_the_one_of_robots_is_taken(run):
    _, answer = run()
    protocol = answer['protocol']
    assert (protocol['name'], protocol['changed']) == ('robot', [])
    assert (protocol['alignment'], protocol['min_depth_m'], protocol['max_depth_m']) == (
        'scale_shift', 0.2, 8.0,
    )  # fmt: skip


def test_the_summary_holds_the_protocol_and_what_is_changed_of_it(run, tmp_path):
    _, answer = run(
        '--protocol', 'kitti_garg', '--align', 'median', '--out', str(tmp_path / 'out')
    )
    protocol = answer['protocol']
    assert (protocol['name'], protocol['changed']) == ('kitti_garg', ['alignment'])
    assert protocol['alignment'] == 'median'
    assert 'metric_alignment' not in protocol
    assert protocol['crop']['top'] == 0.40810811
    assert 'monodepth2' in protocol['source']
    with (tmp_path / 'out' / 'images.csv').open(newline='') as file:
        pixels = [int(row['pixels']) for row in csv.DictReader(file)]
    # Rows 19 to 46 and columns 2 to 60 of 48×64.
    assert pixels == [28 * 59] * 3
    assert (
        'Protocol kitti_garg, not its own alignment'
        in (tmp_path / 'out' / 'report.md').read_text()
    )


def test_seed000_is_scored_at_224_pixels(run, tmp_path):
    _, answer = run('--protocol', 'seed000', '--input-size', '0', '--out', str(tmp_path / 'out'))
    assert answer['models'][MODEL]['input_size'] == [224, 224]
    assert answer['protocol']['squash'] == {'height': 224, 'width': 224, 'transposed': True}
    with (tmp_path / 'out' / 'images.csv').open(newline='') as file:
        assert [row['pixels'] for row in csv.DictReader(file)] == ['50176'] * 3


def test_an_unknown_protocol_is_an_error_that_lists_the_known(run):
    with pytest.raises(UnknownNameError, match="unknown protocol 'eigen'; known: robot, raw"):
        run('--protocol', 'eigen')


@pytest.mark.parametrize(
    ('words', 'dataset', 'meant'),
    [
        ([], 'nyu_depth_v2', 'nyu_eigen or seed000'),
        (['--protocol', 'kitti_garg'], 'eth3d', 'eth3d'),
        (['--protocol', 'robot'], 'nyu_depth_v2', ''),
        (['--protocol', 'nyu_eigen'], 'nyu_depth_v2', ''),
        ([], 'rgbd_folder', ''),
    ],
)
def test_data_that_papers_score_otherwise_is_told(words, dataset, meant):
    parser = argparse.ArgumentParser()
    add_protocol_arguments(parser)
    args = parser.parse_args(words)
    protocol = chosen_protocol(args)
    told = f'scored by protocol {protocol.name}; papers score {dataset} by --protocol {meant}'
    assert protocol_doubts(args, protocol, dataset) == ([told] if meant else [])


@pytest.mark.parametrize('words', [['--align', 'none'], ['--protocol', 'nyu_eigen']])
def test_a_baseline_without_alignment_is_refused(run, folder, words):
    with pytest.raises(ConfigError, match='scale or scale_shift'):
        run(*words, '--baseline', f'rgbd_folder:{folder}')


def test_the_baseline_of_an_earlier_run_gives_the_same_ratio(run, folder, tmp_path):
    _, first = run('--baseline', f'rgbd_folder:{folder}', '--out', str(tmp_path / 'out'))
    written = str(tmp_path / 'out' / 'baseline.npz')
    _, second = run('--baseline', written)
    ratios = [run['data'][0]['models'][MODEL]['ratio'] for run in (first, second)]
    assert ratios[0] == ratios[1]
    assert second['protocol'] == first['protocol']
    with pytest.raises(ConfigError, match='made for 0.2 to 8 m, not for --range 0.2:5'):
        run('--baseline', written, '--range', '0.2:5')


def test_an_unknown_source_of_any_data_set_is_an_error_before_work_begins(
    run, tmp_path, folder, monkeypatch
):
    other = shutil.copytree(folder, tmp_path / 'attic')
    monkeypatch.setattr(Predictor, 'predict', lambda self, rgb: pytest.fail('too late'))
    with pytest.raises(DatasetError, match="no source 'room'; known: attic"):
        run('--data', f'rgbd_folder:{other}', '--source', 'room')


@pytest.mark.parametrize('text', ['8:0.2', '0:8', '1', 'a:b', '1:inf', '0.2:nan'])
def test_a_bad_range_is_wrong_usage(text, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['evaluate', '--model', MODEL, '--data', 'rgbd_folder:x', '--range', text])
    assert stopped.value.code == 2
    assert 'not a range of metres' in capsys.readouterr().err


def test_a_negative_number_of_pictures_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['evaluate', '--model', MODEL, '--data', 'rgbd_folder:x', '--pictures', '-1'])
    assert stopped.value.code == 2
    assert "'-1' is not a whole number" in capsys.readouterr().err


def checkpoint(path, seed):
    """Write weights of the model, of their own by the seed."""
    estimator, _ = load_estimator(MODEL, '', 'random', seed)
    torch.save(estimator.state_dict(), path)
    return str(path)


def test_several_models_are_compared_on_images_that_are_read_once(run, tmp_path, monkeypatch):
    read = []
    getitem = PairedFiles.__getitem__
    monkeypatch.setattr(
        PairedFiles, '__getitem__', lambda self, index: read.append(index) or getitem(self, index)
    )
    weights = [checkpoint(tmp_path / name, seed) for seed, name in enumerate(('a.pth', 'b.pth'))]
    out = tmp_path / 'out'
    status, answer = run('--weights', 'pretrained', '--checkpoint', weights[0],
                         '--checkpoint', weights[1],
                         '--pictures', '0', '--out', str(out))  # fmt: skip
    assert status == 0
    assert read == [0, 1, 2]
    labels = ['tiny (a.pth)', 'tiny (b.pth)']
    assert list(answer['models']) == list(answer['data'][0]['models']) == labels
    first, second = (answer['data'][0]['models'][label] for label in labels)
    assert 'difference' not in first
    change = second['difference']['metrics']['abs_rel']
    assert change['value'] == pytest.approx(
        second['metrics']['abs_rel'] - first['metrics']['abs_rel'], abs=1e-12
    )
    assert change['low'] <= change['value'] <= change['high']
    (verdict,) = answer['data'][0]['verdicts']
    assert 'tiny (b.pth)' in verdict and 'tiny (a.pth)' in verdict
    assert verdict in (out / 'report.md').read_text()
    with (out / 'images.csv').open(newline='') as file:
        assert [row['predictor'] for row in csv.DictReader(file)] == 3 * labels


def test_a_model_asked_for_twice_or_a_checkpoint_of_none_is_refused(run, tmp_path):
    with pytest.raises(ConfigError, match="'tiny' is asked for 2 times"):
        run('--model', MODEL)
    with pytest.raises(
        ConfigError, match='needs a model: --model NAME, --checkpoint FOLDER or --h'
    ):
        evaluate.run(parsed('--data', 'simulator:1:1'))
    with pytest.raises(ConfigError, match="'x.pth' does not follow a --model"):
        evaluate.run(
            parsed('--checkpoint', 'x.pth', '--model', 'tiny', '--model', 'tiny_sdt_lite',
                   '--data', 'simulator:1:1')
        )  # fmt: skip


def test_confidence_that_no_model_tells_is_refused_before_the_work(run, monkeypatch):
    def score(*_):
        raise AssertionError('it was scored')

    monkeypatch.setattr('depth_anything_ros.lab.evaluation.run.score_data', score)
    told = r'--confidence model: .*\(tiny\); take --confidence flip'
    with pytest.raises(ConfigError, match=told):
        run('--confidence', 'model')


def test_an_input_size_that_a_later_model_cannot_take_is_refused_before_the_first(run):
    with pytest.raises(ConfigError, match=r'--input-size 32 is not a positive multiple'):
        run('--model', 'depth_anything_v2_vits')


def test_checkpoints_of_one_name_are_told_apart_by_their_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'w.pth').write_bytes(b'weights')
    args = parsed('--model', 'tiny', '--checkpoint', 'a/w.pth', '--checkpoint', 'b/w.pth',
                  '--model', 'tiny_sdt_lite', '--data', 'simulator:1:1')  # fmt: skip
    assert [target.label for target in asked_targets(args, 0)] == [
        'tiny (a/w.pth)', 'tiny (b/w.pth)', 'tiny_sdt_lite',
    ]  # fmt: skip


def test_what_worse_pictures_cost_is_told(run, tmp_path, capsys):
    _, answer = run('--corrupt', 'noise:5', '--corrupt', 'dropped:1', '--out', str(tmp_path / 'o'))
    found = answer['data'][0]['models'][MODEL]
    assert list(found['corrupted']) == ['noise:5', 'dropped:1']
    noisy = found['corrupted']['noise:5']
    assert noisy['images'] == 3
    assert noisy['ratio']['value'] == pytest.approx(
        noisy['metrics']['abs_rel'] / found['metrics']['abs_rel']
    )
    assert 'abs_rel worse by' in capsys.readouterr().out
    assert '### Pictures made worse' in (tmp_path / 'o' / 'report.md').read_text()
    with (tmp_path / 'o' / 'images.csv').open(newline='') as file:
        names = [row['predictor'] for row in csv.DictReader(file)]
    assert names == 3 * ['tiny', 'tiny + noise:5', 'tiny + dropped:1']


def gate(tmp_path, *bounds):
    path = tmp_path / 'gate.yaml'
    path.write_text('\n'.join(['bounds:', *(f'- {bound}' for bound in bounds)]))
    return str(path)


def test_a_gate_that_is_met_exits_0_and_one_that_is_not_3(folder, tmp_path, capsys):
    data = ['--data', f'rgbd_folder:{folder}', '--out', str(tmp_path / 'out'), '--pictures', '0']
    met = gate(tmp_path, 'abs_rel <= 1', 'failed == 0', 'images >= 3')
    assert main(['evaluate', *SMALL, *data, '--gate', met]) == 0
    assert 'gate' not in capsys.readouterr().err
    broken = gate(tmp_path, 'abs_rel <= 0.01', 'images >= 3')
    assert main(['evaluate', *SMALL, *data, '--gate', broken]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if 'gate.yaml' in line]
    assert 'metrics.abs_rel of tiny of rgbd_folder:' in line
    assert 'too high; allowed: <= 0.01' in line
    # The baseline may be a run of the same command.
    (tmp_path / 'gate.yaml').write_text(
        'baseline: out/summary.json\nbounds: [abs_rel <= baseline * 1.0001]'
    )
    assert main(['evaluate', *SMALL, *data, '--gate', broken]) == 0


def test_a_gate_with_an_unknown_figure_is_an_error_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Predictor, 'predict', lambda self, rgb: pytest.fail('too late'))
    with pytest.raises(ConfigError, match="no figure 'abs_rll'; near it: .*abs_rel"):
        run('--gate', gate(tmp_path, 'abs_rll <= 1'))
    with pytest.raises(ConfigError, match=r"no figure 'ratio\.value'"):
        run('--gate', gate(tmp_path, 'ratio.value <= 1'))
    with pytest.raises(ConfigError, match=r"no figure 'edge_f1'"):
        run('--gate', gate(tmp_path, 'edge_f1 >= 0.5'))


def test_a_gate_knows_the_ratio_to_a_baseline():
    known = expected_figures(['made'], ['tiny'], baselines=['mean'])
    assert 'ratio.value' in known['tiny', 'made']
    assert 'ratio.value' not in expected_figures(['made'], ['tiny'])['tiny', 'made']
