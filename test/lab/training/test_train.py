import csv
import math
import sys
from dataclasses import replace

import pytest
import torch
from small_run import SIDE, SMALL, Slopes, SlopeSource, small_estimator, small_run

from depth_anything_ros.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    MissingDependencyError,
    TrainingError,
)
from depth_anything_ros.lab.training.config import TrainConfig
from depth_anything_ros.lab.training.data import Batch
from depth_anything_ros.lab.training.processes import DistributedContext, StopRequest
from depth_anything_ros.lab.training.schedule import learning_rate_factor
from depth_anything_ros.lab.training.train import End, parameter_groups, set_training_mode, train
from depth_anything_ros.lab.training.validation import Validation
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.encoders import dinov2

ALONE = DistributedContext(0, 1, torch.device('cpu'))
SHORT = replace(SMALL, steps=6)


def run(out, config=SHORT, estimator=None, source=None, **options):
    return train(
        config, estimator or small_estimator(), source or SlopeSource(), out,
        context=ALONE, stop=options.pop('stop', StopRequest()), **options,
    )  # fmt: skip


def rows(out):
    with (out / 'loss.csv').open() as file:
        return list(csv.DictReader(file))


def test_network_learns_slopes(tmp_path):
    result = small_run(tmp_path, replace(SMALL, steps=120, log_every=10))
    losses = [float(row['loss']) for row in rows(tmp_path)]
    assert losses[-1] < losses[0] / 2
    assert result.row['val_delta1'] > 0.9
    assert (result.end, result.steps, result.samples) == (End.FINISHED, 120, 480)
    assert (tmp_path / 'loss.png').read_bytes().startswith(b'\x89PNG')


def test_rows_hold_steps_samples_and_the_learning_rate(tmp_path):
    run(tmp_path, replace(SHORT, warmup_share=0.5))
    table = rows(tmp_path)
    assert [(int(row['step']), int(row['samples'])) for row in table] == [(2, 8), (4, 16), (6, 24)]
    expected = [0.01 * learning_rate_factor(step, 6, 3) for step in (1, 3, 5)]
    assert [float(row['learning_rate']) for row in table] == pytest.approx(expected)
    assert all(row['val_abs_rel'] == '' for row in table)


def test_row_averages_its_steps(tmp_path):
    run(tmp_path / 'each', replace(SHORT, log_every=1))
    run(tmp_path / 'pairs', SHORT)
    each = [float(row['loss']) for row in rows(tmp_path / 'each')]
    pairs = [float(row['loss']) for row in rows(tmp_path / 'pairs')]
    assert pairs == pytest.approx([(each[i] + each[i + 1]) / 2 for i in (0, 2, 4)])


def test_validation_comes_on_time_and_at_the_end(tmp_path):
    config = replace(SHORT, log_every=4, validate_every=3, steps=8)
    estimator = small_estimator()
    run(tmp_path, config, estimator, validation=Validation(Slopes(), estimator.spec, SIDE, config))
    found = [(row['step'], row['val_abs_rel'] != '') for row in rows(tmp_path)]
    assert found == [('3', True), ('4', False), ('6', True), ('8', True)]


def test_stopped_between_rows_a_run_resumes_exactly(tmp_path):
    stop = StopRequest()

    def stop_at_five(step, row):
        stop.received = step == 5

    run(tmp_path / 'whole', replace(SHORT, steps=12))
    first = run(tmp_path / 'parts', replace(SHORT, steps=12), stop=stop, watch=stop_at_five)
    assert (first.end, first.steps) == (End.INTERRUPTED, 5)
    second = run(tmp_path / 'parts', replace(SHORT, steps=12), resume=True)
    assert second.steps == 12
    assert rows(tmp_path / 'parts') == rows(tmp_path / 'whole')


def test_resumed_weights_equal_those_of_a_whole_run(tmp_path):
    whole = run(tmp_path / 'whole').estimator.state_dict()
    run(tmp_path / 'parts', replace(SHORT, max_minutes=1e-6))
    parts = run(tmp_path / 'parts', resume=True, estimator=small_estimator(seed=9))
    for name, values in parts.estimator.state_dict().items():
        assert torch.equal(values, whole[name]), name


def test_out_of_time_is_told(tmp_path):
    result = run(tmp_path, replace(SHORT, max_minutes=1e-6))
    assert (result.end, result.steps) == (End.OUT_OF_TIME, 1)


def test_worker_processes_change_nothing(tmp_path):
    run(tmp_path / 'none')
    run(tmp_path / 'one', replace(SHORT, workers=1))
    assert rows(tmp_path / 'one') == rows(tmp_path / 'none')


def test_frozen_encoder_keeps_weights_and_statistics(tmp_path):
    estimator = small_estimator()
    before = {name: values.clone() for name, values in estimator.state_dict().items()}
    after = run(tmp_path, replace(SHORT, encoder_lr_factor=0.0), estimator).estimator.state_dict()
    changed = {name for name, values in after.items() if not torch.equal(values, before[name])}
    assert changed == {'depth_head.convolution.weight', 'depth_head.convolution.bias'}
    assert all(values.grad is None for values in estimator.pretrained.parameters())


def test_kept_statistics_stay_while_weights_learn(tmp_path):
    estimator = small_estimator()
    before = {name: values.clone() for name, values in estimator.state_dict().items()}
    config = replace(SHORT, keep_encoder_statistics=True)
    after = run(tmp_path, config, estimator).estimator.state_dict()
    changed = {name for name, values in after.items() if not torch.equal(values, before[name])}
    assert 'pretrained.norm.weight' in changed
    assert not any('running' in name or 'num_batches' in name for name in changed)


def test_norms_and_biases_have_no_decay_and_the_encoder_its_own_rate():
    groups = parameter_groups(
        small_estimator(), replace(SHORT, encoder_lr_factor=0.1, weight_decay=0.3)
    )
    found = [(group['factor'], group['weight_decay'], len(group['params'])) for group in groups]
    # Encoder: one kernel; its bias and the two vectors of the norm. Decoder: kernel and bias.
    assert found == [(0.1, 0.3, 1), (0.1, 0.0, 3), (1.0, 0.3, 1), (1.0, 0.0, 1)]


def test_dropout_of_a_learning_encoder_is_on_though_its_statistics_are_kept():
    estimator = small_estimator()
    set_training_mode(estimator, replace(SHORT, keep_encoder_statistics=True))
    encoder = estimator.pretrained
    assert (encoder.dropout.training, encoder.norm.training) == (True, False)
    assert estimator.depth_head.training


def test_statistics_of_frozen_blocks_are_frozen_too():
    config = replace(SHORT, frozen_blocks=1)
    for blocks in (0, 1):
        estimator = create_model(MODELS['tiny'])
        parameter_groups(estimator, replace(config, frozen_blocks=blocks))
        set_training_mode(estimator, replace(config, frozen_blocks=blocks))
        encoder = estimator.pretrained
        found = (encoder.bn0.training, encoder.blocks[0].bn1.training)
        assert found == (blocks == 0, blocks == 0)
        assert encoder.blocks[1].bn1.training


class Cropped(SlopeSource):
    """Slopes of two by two patches of DINOv2."""

    def batch(self, step):
        whole = super().batch(step)
        return Batch(whole.pixels[..., :28, :28], whole.depth_m[..., :28, :28])


class Measuring:
    """Score a network by what it gives for one image, and by what its weights would give."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []

    @torch.no_grad()
    def __call__(self, estimator):
        pixels = Cropped(1).batch(0).pixels
        anew = create_model(estimator.spec).eval()
        anew.load_state_dict(estimator.state_dict())
        pair = (float(estimator(pixels).mean()), float(anew(pixels).mean()))
        self.found.append(pair)
        return pair


def test_validation_scores_the_positions_of_now(tmp_path, monkeypatch):
    monkeypatch.setattr(dinov2, 'SIZES', {'small': (12, 4, 2)})
    spec = replace(
        MODELS['depth_anything_v2_vits'],
        encoder_size='small', layers=(0, 1, 2, 3), features=4, out_channels=(4, 4, 4, 4),
    )  # fmt: skip
    torch.manual_seed(0)
    measuring = Measuring()
    config = replace(SHORT, validate_every=2)
    result = run(tmp_path, config, create_model(spec), Cropped(), validation=measuring)
    measuring(result.estimator)
    assert len(measuring.found) == 4
    for kept, anew in measuring.found:
        assert kept == pytest.approx(anew, rel=1e-5)


def test_average_of_weights_follows_its_definition(tmp_path):
    kept = []

    def keep(step, row):
        kept.append(estimator.depth_head.convolution.weight.detach().clone())

    estimator = small_estimator()
    expected = estimator.depth_head.convolution.weight.detach().clone()
    result = run(tmp_path, replace(SHORT, average_decay=0.15), estimator, watch=keep)
    for step, weights in enumerate(kept):
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weights
    torch.testing.assert_close(result.estimator.depth_head.convolution.weight, expected)


def test_without_average_the_last_weights_are_kept(tmp_path):
    estimator = small_estimator()
    kept = run(tmp_path, replace(SHORT, average_decay=0.0), estimator).estimator
    for name, values in estimator.state_dict().items():
        assert torch.equal(kept.state_dict()[name], values), name


def test_bfloat16_learns_like_float32(tmp_path):
    run(tmp_path / 'fp32')
    result = run(tmp_path / 'bf16', replace(SHORT, precision='bf16'))
    losses = [[float(row['loss']) for row in rows(tmp_path / name)] for name in ('fp32', 'bf16')]
    assert losses[1] != losses[0]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    assert {values.dtype for values in result.estimator.parameters()} == {torch.float32}


@pytest.mark.parametrize('loss', ['silog', 'l1'])
def test_metric_model_learns_metres(tmp_path, loss):
    config = replace(
        SMALL, steps=100, log_every=50, validate_every=100, learning_rate=0.03, metric_loss=loss
    )
    estimator = small_estimator(max_depth_m=4.0)
    validation = Validation(Slopes(), estimator.spec, SIDE, config)
    assert validation.alignment == 'none'
    result = run(tmp_path, config, estimator, validation=validation)
    assert result.row['val_delta1'] > 0.8
    assert result.row['l1_m'] < 0.4


def test_second_run_in_a_folder_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(ConfigError, match='holds a run already; resume it, or choose another'):
        run(tmp_path)


def test_resuming_with_other_settings_names_them(tmp_path):
    run(tmp_path)
    with pytest.raises(ConfigError, match='steps was 6, is 7'):
        run(tmp_path, replace(SHORT, steps=7), resume=True)
    with pytest.raises(ConfigError, match="data was 'tiny: ', is 'tiny: rooms'"):
        run(tmp_path, data='rooms', resume=True)


def test_what_the_curve_does_not_depend_on_may_change(tmp_path):
    run(tmp_path, replace(SHORT, max_minutes=1e-6))
    assert run(tmp_path, replace(SHORT, checkpoint_every=3), resume=True).steps == 6


def test_missing_library_of_the_curve_is_told_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(MissingDependencyError, match=r'\[report\]'):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_resuming_nothing_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"no run to resume: '.*last.pt' does not exist"):
        run(tmp_path, resume=True)


@pytest.mark.parametrize('content', [b'', b'no checkpoint'])
def test_damaged_checkpoint_is_an_error(tmp_path, content):
    (tmp_path / 'last.pt').write_bytes(content)
    with pytest.raises(CheckpointError, match='damaged or not a run'):
        run(tmp_path, resume=True)


def test_other_checkpoint_is_no_run(tmp_path):
    torch.save({'weight': torch.zeros(1)}, tmp_path / 'last.pt')
    with pytest.raises(CheckpointError, match='not the state of a run'):
        run(tmp_path, resume=True)


def test_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(tmp_path):
    with pytest.raises(TrainingError, match='not finite by step 4'):
        run(tmp_path, replace(SHORT, checkpoint_every=2), source=SlopeSource(spoilt_from=3))
    saved = torch.load(tmp_path / 'last.pt', weights_only=True)
    assert saved['step'] == 2
    assert all(torch.isfinite(values).all() for values in saved['estimator'].values())


def test_empty_range_of_depth_is_refused():
    with pytest.raises(ConfigError, match='min_depth_m'):
        TrainConfig(min_depth_m=9.0)


class NoDepth(Slopes):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return replace(sample, depth_m=sample.depth_m * math.nan)


def test_validation_without_samples_or_depth_is_an_error():
    spec = small_estimator().spec
    with pytest.raises(DatasetError, match="'slopes' has no samples"):
        Validation(Slopes(0), spec, SIDE, SHORT)
    with pytest.raises(DatasetError, match="no sample of data set 'slopes' has depth within 0.2"):
        Validation(NoDepth(), spec, SIDE, SHORT)


def test_validation_of_a_constant_prediction_is_no_number():
    estimator = small_estimator().eval()
    for values in estimator.depth_head.parameters():
        values.data.zero_()
    scores = Validation(Slopes(), estimator.spec, SIDE, SHORT)(estimator)
    assert all(math.isnan(score) for score in scores)
