"""The verbs `train` and `finetune`, on the small model at the smallest input."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from narrow_models import narrow_models
from safetensors.torch import load_file, save_file

from depth_anything_ros.cli import data_argument, training_options
from depth_anything_ros.cli.finetune import metric_spec
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.training import metric_head
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.metadata import own_metadata
from depth_anything_ros.types import DepthSample, OutputKind

QUICK = [
    '--model', 'tiny', '--size', '32x64', '--batch', '2', '--workers', '0', '--threads', '1',
    '--device', 'cpu', '--log-every', '1', '--validation-samples', '2',
]  # fmt: skip


class Walls:
    """Walls seen at a slant, lit by their distance."""

    name = 'walls'

    def __len__(self) -> int:
        return 5

    def sample_name(self, index: int) -> str:
        return f'wall {index}'

    def source(self, index: int) -> str:
        return self.name

    def __getitem__(self, index: int) -> DepthSample:
        depth_m = np.linspace(1.0, 2.0 + index, 64, dtype=np.float32)[None].repeat(32, axis=0)
        rgb = (200 / depth_m).astype(np.uint8)[..., None].repeat(3, axis=2)
        return DepthSample(rgb, depth_m, self.sample_name(index))


@pytest.fixture
def _walls(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(training_options, 'parse_data', lambda *_: Walls())
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def random_tiny(tmp_path_factory):
    """Return a checkpoint of the model `tiny` with random weights."""
    path = tmp_path_factory.mktemp('weights') / 'tiny.safetensors'
    torch.manual_seed(0)
    save_file(create_model(MODELS['tiny']).state_dict(), path)
    return path


@pytest.mark.usefixtures('_walls')
def test_train_leaves_weights_record_and_curve(tmp_path, capsys):
    call = ['train', *QUICK, '--data', 'walls:x', '--validate', 'walls:y', '--steps', '3']
    assert main([*call, '--out', str(tmp_path), '--freeze-encoder']) == 0
    assert 'tiny after 3 of 3 steps, 6 samples' in capsys.readouterr().out
    record = json.loads((tmp_path / 'run.json').read_text())
    assert (record['model'], record['end'], record['samples']) == ('tiny', 'finished', 6)
    assert record['first_weights'] == 'random weights'
    assert record['settings']['encoder_lr_factor'] == 0
    assert record['environment']['torch']
    loaded = load_weights(MODELS['tiny'], checkpoint=str(tmp_path / 'weights.safetensors'))
    assert record['sha256'] == loaded.sha256
    assert {values.dtype for values in loaded.state.values()} <= {torch.float32, torch.int64}
    lines = (tmp_path / 'loss.csv').read_text().splitlines()
    assert lines[0].split(',')[4:] == [
        'loss', 'ssi', 'gradient', 'negative', 'val_abs_rel', 'val_delta1'
    ]  # fmt: skip
    assert [line.split(',')[0] for line in lines[1:]] == ['1', '2', '3']


# What AnyDepth compares on the encoders of published models, and which model that is.
DECODERS_TO_TRAIN = {
    'vggt_sdt': 'vggt', 'vggt_dpt': 'vggt', 'depth_anything_3_large_sdt': 'depth_anything_3_large',
    'depth_anything_3_large_dpt': 'depth_anything_3_large',
    'depth_anything_3_large_dual_dpt': 'depth_anything_3_large',
}  # fmt: skip


@pytest.mark.usefixtures('_walls')
@pytest.mark.parametrize(
    'name',
    [
        name if name == 'vggt_sdt' else pytest.param(name, marks=pytest.mark.slow)
        for name in DECODERS_TO_TRAIN
    ],
)
def test_decoder_is_trained_on_the_encoder_of_a_published_model(name, tmp_path):
    whole = tmp_path / 'whole.safetensors'
    with narrow_models():
        published = load_weights(MODELS[DECODERS_TO_TRAIN[name]], weights='random', seed=3)
        save_file(published.state, whole)
        call = ['train', *QUICK, '--model', name, '--size', '28x56', '--steps', '2']
        call += ['--data', 'walls:x', '--validate', 'walls:y', '--out', str(tmp_path / 'run')]
        call += ['--lr', '0.01', '--encoder-weights', str(whole), '--freeze-encoder']
        assert main(call) == 0
        trained = load_weights(MODELS[name], str(tmp_path / 'run' / 'weights.safetensors'))
    assert trained.spec.output_kind is OutputKind.RELATIVE_INVERSE_DEPTH
    of_encoder = {key for key in trained.state if key.startswith('pretrained.')}
    assert of_encoder == {key for key in published.state if key.startswith('pretrained.')}
    assert all(torch.equal(trained.state[key], published.state[key]) for key in of_encoder)
    lines = (tmp_path / 'run' / 'loss.csv').read_text().splitlines()
    assert len(lines) == 3
    assert all(float(value) >= 0 for value in lines[-1].split(',')[-2:])


@pytest.mark.usefixtures('_walls')
@pytest.mark.parametrize('name', ['vggt', 'depth_anything_3_large'])
def test_model_up_to_scale_has_no_loss_to_train_with(name, tmp_path, capsys):
    call = ['train', *QUICK, '--model', name, '--data', 'walls:x', '--out', str(tmp_path / 'run')]
    assert main(call) == 1
    assert f"model '{name}' is of inverse depth up to a scale, for" in capsys.readouterr().err


@pytest.mark.usefixtures('_walls')
def test_train_resumes_after_its_time_is_up(tmp_path, capsys):
    call = ['train', *QUICK, '--data', 'walls:x', '--validate', '', '--steps', '2']
    call += ['--out', str(tmp_path)]
    assert main([*call, '--max-minutes', '1e-6']) == 0
    assert '--resume with the same options goes on' in capsys.readouterr().out
    assert main(call) == 1
    assert 'holds a run already' in capsys.readouterr().err
    assert main([*call, '--lr', '0.1', '--resume']) == 1
    assert 'learning_rate was 0.001, is 0.1' in capsys.readouterr().err
    assert main([*call, '--resume']) == 0
    assert 'after 2 of 2 steps' in capsys.readouterr().out


@pytest.mark.usefixtures('_walls')
def test_finetune_keeps_the_encoder_and_gives_metres(tmp_path, random_tiny, capsys):
    out = tmp_path / 'run'
    call = ['finetune', *QUICK, '--data', 'walls:x', '--init', str(random_tiny), '--out', str(out)]
    assert main([*call, '--max-depth', '10', '--epochs', '2', '--validate', 'walls:y']) == 0
    record = json.loads((out / 'run.json').read_text())
    assert (record['output'], record['max_depth_m']) == ('metric_depth', 10)
    assert record['steps'] == 5  # 2 epochs of 5 samples in batches of 2
    before, after = load_file(random_tiny), load_file(out / 'weights.safetensors')
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith('depth_head.') for name in changed)
    assert "model 'tiny' with this checkpoint: it gives metres to 10 m" in capsys.readouterr().out
    tuned = load_weights(MODELS['tiny'], str(out / 'weights.safetensors'))
    assert tuned.spec == replace(MODELS['tiny'], max_depth_m=10.0)


@pytest.mark.usefixtures('_walls')
def test_finetune_keeps_the_range_it_starts_from_and_fits_to_another(tmp_path, monkeypatch):
    start = tmp_path / 'start.safetensors'
    torch.manual_seed(0)
    state = create_model(MODELS['tiny']).state_dict()
    save_file(state, start, own_metadata(replace(MODELS['tiny'], max_depth_m=10.0)))
    fitted = []
    monkeypatch.setattr(
        metric_head, 'fit_to_metres', lambda _, limit_m, __: fitted.append(limit_m)
    )
    call = ['finetune', *QUICK, '--data', 'walls:x', '--init', str(start), '--epochs', '1']
    for folder, options in (('same', []), ('other', ['--max-depth', '40'])):
        assert main([*call, *options, '--out', str(tmp_path / folder)]) == 0
    ranges = [
        load_weights(
            MODELS['tiny'], str(tmp_path / folder / 'weights.safetensors')
        ).spec.max_depth_m
        for folder in ('same', 'other')
    ]
    assert ranges == [10, 40]
    assert fitted == [40]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['train', '--data', 'simulator:3', '--validate', 'simulator:3:9'], 'world 3 is both'),
        (['train', '--size', '30x64'], 'height of --size 30 is not a positive multiple'),
        (['train', '--batch', '0'], '--batch 0; allowed: 1 … '),
        (['train', '--threads', '-1'], '--threads -1; allowed: 0 … '),
        (['train', '--seed', '9' * 30], f'--seed {"9" * 30}; allowed: 0 … '),
        (['finetune', '--data', 'simulator:1:4', '--seed', '-1'], '--seed -1; allowed: 0 … '),
        (['finetune', '--data', 'simulator:3:4', '--validate', 'simulator:3:9'],
         'world 3 is both'),
        (['train', '--steps', '0'], '--steps 0 is out of range'),
        (['train', '--lr', '-1'], '--lr -1.0 is out of range'),
        (['train', '--validate', 'nowhere:x'], "unknown data set 'nowhere'"),
        (['train', '--encoder-weights', 'no.pth'], "'no.pth' does not exist"),
        (['finetune', '--data', 'simulator:1:4'], "model 'tiny' is relative; --max-depth says"),
        (['finetune', '--data', 'simulator:1:4', '--max-depth', '-1'],
         '--max-depth -1; allowed: above 0 m, to 1000 m'),
        (['finetune', '--data', 'simulator:1:4', '--max-depth', 'inf'],
         '--max-depth inf; allowed'),
        (['finetune', '--data', 'simulator:1:4', '--max-depth', 'nan'],
         '--max-depth nan; allowed'),
        (['finetune', '--data', 'simulator:1', '--max-depth', '9'], 'write simulator:SEED:COUNT'),
        (['finetune', '--data', 'simulator:1:4', '--max-depth', '9', '--epochs', '0'],
         '--epochs 0; allowed: 1 or more'),
    ],
)  # fmt: skip
def test_wrong_option_is_told_in_one_line(tmp_path, capsys, options, message):
    verb, *given = options
    assert main([verb, *QUICK, '--out', str(tmp_path / 'run'), *given]) == 1
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert not (tmp_path / 'run').exists()


def test_size_that_is_no_size_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit, match='2'):
        main(['train', '--model', 'tiny', '--out', str(tmp_path), '--size', '192'])
    assert "'192' is not a size; write it as HEIGHTxWIDTH" in capsys.readouterr().err


@pytest.mark.parametrize('verb', ['train', 'finetune'])
def test_help_teaches_with_examples(verb, capsys):
    with pytest.raises(SystemExit, match='0'):
        main([verb, '--help'])
    assert f'depth_anything_ros {verb} --model' in capsys.readouterr().out


def test_only_kept_samples_are_learnt_from(tmp_path, monkeypatch):
    monkeypatch.setattr(data_argument, '_open', lambda *_: Walls())
    kept = tmp_path / 'kept.txt'
    kept.write_text('walls:x\twall 1\nwalls:x\twall 4\n')
    parser = argparse.ArgumentParser()
    training_options.add_run_options(parser)
    parser.add_argument('--data', action='append')
    args = parser.parse_args(['--out', 'x', '--data', 'walls:x', '--kept', str(kept)])
    source = training_options.open_source(MODELS['tiny'], (32, 64), 2, args, None)
    assert len(source) == 2
    farthest = source.batch(0).depth_m.amax(dim=(1, 2))
    assert sorted(farthest.tolist()) == [3.0, 6.0]


def test_metric_row_keeps_its_depth_unless_told():
    metric = MODELS['depth_anything_v2_metric_hypersim_vits']
    assert metric_spec(metric, None) is metric
    assert metric_spec(metric, 5.0).max_depth_m == 5
    with pytest.raises(ConfigError, match="'tiny' is relative"):
        metric_spec(MODELS['tiny'], None)


@pytest.mark.parametrize('verb', ['train', 'finetune'])
def test_start_that_is_of_another_kind_is_refused_before_training(tmp_path, capsys, verb):
    path = tmp_path / 'mine.safetensors'
    of = replace(MODELS['depth_anything_v2_vits'], max_depth_m=10.0)
    save_file({'a': torch.zeros(1)}, path, own_metadata(of))
    model = 'depth_anything_v2_metric_hypersim_vits'
    out = ['--out', str(tmp_path / 'run'), '--size', '56x70', '--data', 'nowhere:x']
    call = [verb, *QUICK, '--model', model, '--init', str(path), *out]
    assert main(call) == 1
    assert 'ask for model depth_anything_v2_vits instead' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_metric_models_see_images_at_their_own_focal_length():
    args = argparse.Namespace(no_augmentation=False)
    metric = training_options.make_augmentation(
        args, MODELS['depth_anything_v2_metric_vkitti_vits']
    )
    assert (metric.zoom, metric.rotation_deg) == (1.0, 0.0)
    assert training_options.make_augmentation(args, MODELS['tiny']).rotation_deg > 0
