"""Where weights come from, and what is said when they do not come."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError, ConfigError, UnknownNameError
from depth_anything_ros.models import MODELS, checkpoint, meaning, stored_weights
from depth_anything_ros.models.checkpoint import load_estimator, load_weights
from depth_anything_ros.models.hf_layout import hf_key_map
from depth_anything_ros.registry import Registry

NAME = 'depth_anything_v2_vits'
METRIC = 'depth_anything_v2_metric_hypersim_vits'
SMALL = MODELS[NAME]


@pytest.fixture(scope='module')
def state() -> dict[str, torch.Tensor]:
    return load_weights(SMALL, weights='random', seed=9).state


@pytest.fixture(scope='module')
def official(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('official') / 'mine.pth'
    torch.save(state, path)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize('layout', ['pth', 'safetensors', 'hf'])
def test_every_layout_loads_the_same_network(
    state: dict[str, torch.Tensor], tmp_path: Path, layout: str
) -> None:
    path = tmp_path / ('w.pth' if layout == 'pth' else 'w.safetensors')
    if layout == 'pth':
        torch.save(state, path)
    elif layout == 'safetensors':
        save_file(state, path)
    else:
        parts = {
            source: part.contiguous()
            for public, sources in hf_key_map(12).items()
            for source, part in zip(sources, state[public].chunk(len(sources)), strict=True)
        }
        save_file(parts, path)

    model, weights = load_estimator(NAME, checkpoint=str(path))

    assert (weights.origin, weights.path) == ('checkpoint', path)
    assert weights.sha256 == weights.key == sha256(path)
    assert not model.training
    loaded = model.state_dict()
    assert set(loaded) == set(state)
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_random_weights_say_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _, weights = load_estimator(NAME, weights='random', seed=3)
    assert (weights.origin, weights.sha256, weights.path) == ('random', '', None)
    assert weights.key.startswith('random-')
    assert f'{NAME} runs with random weights (seed 3): its output means nothing' in caplog.text


@pytest.mark.parametrize(
    ('licence', 'level'), [('Apache-2.0', logging.INFO), ('CC-BY-NC-4.0', logging.WARNING)]
)
def test_licence_is_logged_and_a_restricted_one_as_a_warning(
    official: Path, caplog: pytest.LogCaptureFixture, licence: str, level: int
) -> None:
    with caplog.at_level(logging.INFO):
        load_weights(replace(SMALL, licence=licence), checkpoint=str(official))
    assert [record.levelno for record in caplog.records if 'licence' in record.message] == [level]
    assert f'licence of the published weights: {licence}' in caplog.text
    assert ('no commercial use' in caplog.text) == (level == logging.WARNING)


def test_unknown_kind_of_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown value 'zeros'; known: pretrained, random"):
        load_weights(SMALL, weights='zeros')


def test_random_weights_and_a_file_exclude_each_other(official: Path) -> None:
    with pytest.raises(ConfigError, match='exclude each other'):
        load_weights(SMALL, checkpoint=str(official), weights='random')


def test_unknown_model_is_named() -> None:
    with pytest.raises(UnknownNameError, match=f"unknown model 'dav3'; known: .*{NAME}"):
        load_estimator('dav3', weights='random')


def test_file_of_another_size_is_recognised(official: Path) -> None:
    with pytest.raises(CheckpointError, match=f'its tensors are those of {NAME} or'):
        load_estimator('depth_anything_v2_vitb', checkpoint=str(official))


def test_truncated_official_file_is_called_damaged(official: Path, tmp_path: Path) -> None:
    path = tmp_path / 'cut.pth'
    path.write_bytes(official.read_bytes()[:50_000_000])
    with pytest.raises(CheckpointError, match=r'damaged or not a checkpoint \(50000000 bytes\)'):
        load_estimator(NAME, checkpoint=str(path))


def known_rows(monkeypatch: pytest.MonkeyPatch, **digests: str) -> None:
    rows = {name: replace(row, sha256=digests.get(name, '')) for name, row in MODELS.items()}
    for module in (checkpoint, meaning):
        monkeypatch.setattr(module, 'MODELS', Registry('model', rows))


def test_published_file_of_a_model_with_the_same_tensors_is_recognised(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_rows(monkeypatch, **{METRIC: sha256(official)})
    message = f'gives metres to 20 m according to its sha256, .* ask for model {METRIC} instead'
    with pytest.raises(CheckpointError, match=message):
        load_estimator(NAME, checkpoint=str(official))


def test_published_file_with_another_digest_is_refused(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_rows(monkeypatch, **{NAME: 'f' * 64})
    monkeypatch.setattr(stored_weights, 'published_file', lambda _: official)
    message = f'is damaged: its sha256 is {sha256(official)}, that of the published .* is f{{64}}'
    with pytest.raises(CheckpointError, match=message):
        load_estimator(NAME)


def test_published_file_with_the_known_digest_is_pretrained(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_rows(monkeypatch, **{NAME: sha256(official)})
    monkeypatch.setattr(stored_weights, 'published_file', lambda _: official)
    _, weights = load_estimator(NAME)
    assert (weights.origin, weights.sha256) == ('pretrained', sha256(official))


def test_own_file_may_differ_from_the_published_one(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_rows(monkeypatch, **{NAME: 'f' * 64})
    _, weights = load_estimator(NAME, checkpoint=str(official))
    assert weights.origin == 'checkpoint'


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_counters_of_batch_norms_may_be_missing(tmp_path: Path, suffix: str) -> None:
    whole = load_weights(MODELS['tiny'], weights='random', seed=9).state
    state = {key: values for key, values in whole.items() if 'num_batches' not in key}
    assert len(state) < len(whole)
    path = tmp_path / f'w{suffix}'
    (save_file if suffix == '.safetensors' else torch.save)(state, path)
    loaded, _ = load_estimator('tiny', checkpoint=str(path))
    assert loaded.state_dict().keys() == whole.keys()
    for key, values in state.items():
        assert torch.equal(loaded.state_dict()[key], values)
    del state[next(key for key in state if 'running_mean' in key)]
    torch.save(state, tmp_path / 'cut.pth')
    with pytest.raises(CheckpointError, match='2 missing: .*running_mean'):
        load_weights(MODELS['tiny'], checkpoint=str(tmp_path / 'cut.pth'))
