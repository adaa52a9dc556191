"""What the output of a checkpoint means: who says so, and what happens when two disagree."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator, load_weights
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.meaning import rows_like, spec_of_checkpoint, spec_of_file
from depth_anything_ros.models.metadata import OWN_KEY, own_metadata

RELATIVE = 'depth_anything_v2_vits'
HYPERSIM = 'depth_anything_v2_metric_hypersim_vits'
VKITTI = 'depth_anything_v2_metric_vkitti_vits'
UNKNOWN_SHA256 = '0' * 64
V1_CONFIG = {'model_type': 'depth_anything', 'backbone_config': {'out_indices': [9, 10, 11, 12]}}
V2_CONFIG = {'model_type': 'depth_anything', 'backbone_config': {'out_indices': [3, 6, 9, 12]}}


def silent(folder: Path, name: str = 'mine.safetensors') -> Path:
    path = folder / name
    save_file({'a': torch.zeros(1)}, path)
    return path


def tuned(folder: Path, model: str, max_depth_m: float | None) -> Path:
    """Return a file as `finetune` writes it."""
    path = folder / 'weights.safetensors'
    metadata = own_metadata(replace(MODELS[model], max_depth_m=max_depth_m))
    save_file({'a': torch.zeros(1)}, path, metadata)
    return path


def configured(folder: Path, **entries: object) -> None:
    (folder / 'config.json').write_text(json.dumps({**V2_CONFIG, **entries}))


def read(model: str, path: Path, sha256: str = UNKNOWN_SHA256) -> float | None:
    """Return the range that a file is found to have."""
    return spec_of_file(MODELS[model], CheckpointFile.read(path), sha256).max_depth_m


@pytest.mark.parametrize('model', ['tiny', RELATIVE, HYPERSIM, VKITTI])
@pytest.mark.parametrize('max_depth_m', [10.0, 0.5, None])
def test_own_metadata_decides_for_the_model_it_names(tmp_path, model, max_depth_m):
    path = tuned(tmp_path, model, max_depth_m)
    spec = spec_of_file(MODELS[model], CheckpointFile.read(path), '')
    assert spec == replace(MODELS[model], max_depth_m=max_depth_m)


@pytest.mark.parametrize('asked', [HYPERSIM, VKITTI])
def test_tuned_file_is_refused_as_any_other_kind(tmp_path, asked):
    path = tuned(tmp_path, RELATIVE, 10.0)
    message = (
        f"'{path}' gives metres to 10 m according to its own metadata, model '{asked}' metres to "
        rf'\d0 m; ask for model {RELATIVE} instead'
    )
    with pytest.raises(CheckpointError, match=message):
        read(asked, path)


def test_tuned_metric_file_is_refused_as_relative(tmp_path):
    path = tuned(tmp_path, HYPERSIM, 10.0)
    message = f'metres to 10 m .* relative inverse depth; ask for model {HYPERSIM} instead'
    with pytest.raises(CheckpointError, match=message):
        read(RELATIVE, path)


def test_tuned_file_of_the_range_of_a_row_is_that_row_too(tmp_path):
    path = tuned(tmp_path, RELATIVE, 20.0)
    assert read(RELATIVE, path) == read(HYPERSIM, path) == 20
    with pytest.raises(CheckpointError, match='metres to 20 m'):
        read(VKITTI, path)


def test_file_of_another_network_is_refused_by_its_metadata(tmp_path):
    path = tuned(tmp_path, RELATIVE, 10.0)
    message = f"is of model '{RELATIVE}' according to its own metadata, not of 'tiny'"
    with pytest.raises(CheckpointError, match=message):
        read('tiny', path)


@pytest.mark.parametrize(
    'text',
    ['', '[]', '3', '{}', '{"model": "tiny"}', '{"model": 3, "max_depth_m": 1}', '[' * 100_000]
    + [f'{{"model": "tiny", "max_depth_m": {value}}}'
       for value in ('-1', '0', '1e400', '"10"', 'true', 'NaN', '1e300', '9' * 400)],
)  # fmt: skip
def test_metadata_that_says_nothing_sensible_is_refused(tmp_path, text):
    path = tmp_path / 'odd.safetensors'
    save_file({'a': torch.zeros(1)}, path, {OWN_KEY: text})
    with pytest.raises(CheckpointError, match='is damaged: its own metadata'):
        read('tiny', path)


def test_config_of_transformers_decides(tmp_path):
    path = silent(tmp_path, 'model.safetensors')
    configured(tmp_path, depth_estimation_type='metric', max_depth=20)
    assert read(HYPERSIM, path) == 20
    configured(tmp_path, depth_estimation_type='relative', max_depth=1)
    assert read(RELATIVE, path) is None
    configured(tmp_path)
    assert read(RELATIVE, path) is None


def test_config_of_a_range_that_no_row_has_makes_the_plain_row_metric(tmp_path):
    path = silent(tmp_path, 'model.safetensors')
    configured(tmp_path, depth_estimation_type='metric', max_depth=10)
    assert read(RELATIVE, path) == 10
    with pytest.raises(CheckpointError, match=f'metres to 10 m .* ask for model {RELATIVE}'):
        read(HYPERSIM, path)


@pytest.mark.parametrize(
    ('entries', 'asked', 'cure'),
    [
        ({'depth_estimation_type': 'metric', 'max_depth': 20}, VKITTI, HYPERSIM),
        ({'depth_estimation_type': 'metric', 'max_depth': 20}, RELATIVE, HYPERSIM),
        ({'depth_estimation_type': 'metric', 'max_depth': 80}, HYPERSIM, VKITTI),
        ({'depth_estimation_type': 'relative'}, HYPERSIM, RELATIVE),
    ],
)
def test_config_that_contradicts_the_row_names_the_right_one(tmp_path, entries, asked, cure):
    path = silent(tmp_path)
    configured(tmp_path, **entries)
    with pytest.raises(CheckpointError, match=f"config.json', .*; ask for model {cure} instead"):
        read(asked, path)


def test_first_generation_is_known_by_the_layers_it_reads(tmp_path):
    path = silent(tmp_path, 'model.safetensors')
    (tmp_path / 'config.json').write_text(json.dumps(V1_CONFIG))
    message = (
        'says blocks of the encoder 8, 9, 10, 11, the model has 2, 5, 8, 11.* Depth Anything V1'
    )
    with pytest.raises(CheckpointError, match=message):
        read(RELATIVE, path)


def test_first_generation_is_known_by_the_config_of_its_own_class(tmp_path):
    content = {'encoder': 'vits', 'features': 64, 'use_bn': False, 'use_clstoken': False}
    (tmp_path / 'config.json').write_text(json.dumps(content))
    path = silent(tmp_path, 'pytorch_model.bin')
    with pytest.raises(CheckpointError, match=r"Depth Anything V1 according to '.*config\.json'"):
        read(RELATIVE, path)


@pytest.mark.parametrize(
    'name',
    ['depth_anything_vits14.pth', 'Depth_Anything_VITL14.safetensors',
     'my_depth_anything_vitb14.pt', 'depth_anything_metric_depth_indoor.pt'],
)  # fmt: skip
def test_first_generation_is_known_by_its_name(tmp_path, name):
    path = silent(tmp_path, name)
    with pytest.raises(CheckpointError, match='is of Depth Anything V1 according to its name'):
        read(RELATIVE, path)


def test_first_generation_is_known_by_its_sha256(tmp_path):
    digest = '59afe57cfd9f4284deaf5b753d954723d7136ae842fba3e068ba03537ca1e60e'
    with pytest.raises(CheckpointError, match='is of Depth Anything V1 according to its sha256'):
        read(RELATIVE, silent(tmp_path), digest)


@pytest.mark.parametrize('size', ['vits', 'vitb', 'vitl'])
@pytest.mark.parametrize('data', ['hypersim', 'vkitti'])
def test_published_name_decides_where_nothing_else_speaks(tmp_path, data, size):
    own = f'depth_anything_v2_metric_{data}_{size}'
    other = f'depth_anything_v2_metric_{"vkitti" if data == "hypersim" else "hypersim"}_{size}'
    for name in (f'{own}.pth', f'{own}_fp16.safetensors', f'best_{own}.pth'):
        path = tmp_path / name
        if path.suffix == '.pth':
            path.touch()
        else:
            silent(tmp_path, name)
        assert read(own, path) == MODELS[own].max_depth_m
        with pytest.raises(
            CheckpointError, match=f'according to its name, .* model {own} instead'
        ):
            read(other, path)


def test_relative_name_has_to_be_the_whole_name(tmp_path):
    with pytest.raises(CheckpointError, match=f'according to its name, .* {RELATIVE} instead'):
        read(HYPERSIM, silent(tmp_path, f'{RELATIVE}_fp16.safetensors'))
    # Such a file may well have been tuned to metres.
    assert read(HYPERSIM, silent(tmp_path, f'{RELATIVE}_office.safetensors')) == 20


def test_name_is_not_asked_where_the_file_speaks(tmp_path):
    path = tuned(tmp_path, 'tiny', 10.0).rename(tmp_path / 'tiny.safetensors')
    assert read('tiny', path) == 10


def test_name_is_not_asked_where_a_config_speaks(tmp_path):
    path = silent(tmp_path, f'{HYPERSIM}.safetensors')
    configured(tmp_path, depth_estimation_type='metric', max_depth=80)
    assert read(VKITTI, path) == 80
    with pytest.raises(CheckpointError, match=f"config.json', .*; ask for model {VKITTI} instead"):
        read(HYPERSIM, path)


def test_name_is_not_asked_without_the_sha256_that_comes_before_it(tmp_path):
    path = silent(tmp_path, f'{HYPERSIM}.safetensors')
    assert read(VKITTI, path, MODELS[VKITTI].sha256) == 80
    assert read(VKITTI, path, '') == 80
    with pytest.raises(CheckpointError, match='according to its name'):
        read(VKITTI, path)


def test_published_sha256_decides(tmp_path):
    path = silent(tmp_path)
    for name in (RELATIVE, HYPERSIM, VKITTI):
        assert read(name, path, MODELS[name].sha256) == MODELS[name].max_depth_m
    message = f'metres to 80 m according to its sha256, .* ask for model {VKITTI} instead'
    with pytest.raises(CheckpointError, match=message):
        read(HYPERSIM, path, MODELS[VKITTI].sha256)


def test_every_published_file_of_depth_anything_v2_is_pinned():
    owned = [row for row in MODELS.values() if row.hub_repo.startswith('depth-anything/')]
    rows = [row for row in owned if row.name.startswith('depth_anything_v2')]
    assert len(rows) == 9
    assert len({row.sha256 for row in rows}) == len({row.revision for row in rows}) == 9
    assert all(len(row.sha256) == 64 and len(row.revision) == 40 for row in rows)


def test_every_published_file_is_pinned_but_one_of_which_nothing_is_stated():
    rows = {name: row for name, row in MODELS.items() if row.hub_repo}
    pinned = {name: row for name, row in rows.items() if row.sha256 and row.revision}
    assert rows.keys() - pinned.keys() == {'depth_anything_v2_vitb_sdt'}
    assert {(len(row.revision), len(row.sha256)) for row in pinned.values()} == {(40, 64)}
    assert len({row.sha256 for row in pinned.values()}) == len(pinned)


def test_a_file_name_that_the_hub_gives_every_model_says_nothing(tmp_path):
    path = silent(tmp_path, 'model.safetensors')
    for name in ('depth_anything_3_small', HYPERSIM, VKITTI):
        assert read(name, path) == MODELS[name].max_depth_m


def test_two_sources_that_contradict_each_other_are_both_named(tmp_path):
    path = tuned(tmp_path, RELATIVE, 10.0)
    configured(tmp_path, depth_estimation_type='metric', max_depth=20)
    message = (
        'contradicts itself: it gives metres to 10 m according to its own metadata and metres to '
        rf"20 m according to '{tmp_path}/config.json'; keep it in a folder of its own"
    )
    with pytest.raises(CheckpointError, match=message):
        read(RELATIVE, path)


@pytest.mark.parametrize(('model', 'level'), [('tiny', logging.INFO), (VKITTI, logging.WARNING)])
def test_row_decides_last_and_says_so(tmp_path, caplog, model, level):
    path = silent(tmp_path)
    with caplog.at_level(logging.INFO):
        assert spec_of_file(MODELS[model], CheckpointFile.read(path), 'ab') is MODELS[model]
        # Asked without the sha256, which may still say so.
        assert spec_of_file(MODELS[model], CheckpointFile.read(path), '') is MODELS[model]
    (record,) = caplog.records
    assert record.levelno == level
    output = MODELS[model].output
    assert record.message == f"{path} does not say what it gives; taken as '{model}': {output}"


def test_other_json_beside_a_checkpoint_is_none_of_its_business(tmp_path):
    path = silent(tmp_path)
    for content in ('[]', '{}', '{"model_type": "dpt"}', '{"encoder": "vits"}'):
        (tmp_path / 'config.json').write_text(content)
        assert read('tiny', path) is None


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ('{', 'it is not JSON'),
        ('[' * 200_000, 'it is not JSON'),
        ('"' + 'a' * (1 << 20) + '"', 'more than 1048576 bytes'),
        ({'depth_estimation_type': 'metric'}, 'metric and max_depth None'),
        ({'depth_estimation_type': 'metric', 'max_depth': '20'}, "max_depth '20'"),
        ({'depth_estimation_type': 'metric', 'max_depth': -1}, 'max_depth -1'),
        ({'depth_estimation_type': 'disparity'}, "'disparity'; known: relative, metric"),
        ({'backbone_config': {'out_indices': 'all'}}, 'out_indices is not a list of whole'),
        ({'backbone_config': {'out_features': ['stem']}}, 'out_features is not a list of whole'),
        ({'patch_size': 14.5}, 'patch_size 14.5 is not a whole number'),
    ],
)  # fmt: skip
def test_config_that_cannot_be_read_is_refused(tmp_path, content, reason):
    path = silent(tmp_path)
    if isinstance(content, dict):
        configured(tmp_path, **content)
    else:
        (tmp_path / 'config.json').write_text(content)
    with pytest.raises(CheckpointError, match=reason) as error:
        read(RELATIVE, path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('entries', 'said'),
    [
        ({'patch_size': 16}, 'patch_size 16, the model has 14'),
        ({'fusion_hidden_size': 128}, 'fusion_hidden_size 128, the model has 64'),
        ({'neck_hidden_sizes': [96, 192, 384, 768]}, 'neck_hidden_sizes 96, 192, 384, 768, the'),
        ({'backbone_config': {'out_features': ['stage2', 'stage12']}}, 'encoder 1, 11, the model'),
    ],
)
def test_config_of_another_network_is_refused(tmp_path, entries, said):
    path = silent(tmp_path)
    configured(tmp_path, **entries)
    with pytest.raises(CheckpointError, match=said):
        read(RELATIVE, path)


@pytest.mark.parametrize(
    ('kind', 'limit_m', 'model'), [('metric', 80, VKITTI), ('relative', None, RELATIVE)]
)
def test_config_as_transformers_writes_it_is_read(tmp_path, kind, limit_m, model):
    transformers = pytest.importorskip('transformers')
    backbone = transformers.Dinov2Config(
        hidden_size=384, num_attention_heads=6, num_hidden_layers=12, out_indices=[3, 6, 9, 12],
        reshape_hidden_states=False, patch_size=14,
    )  # fmt: skip
    transformers.DepthAnythingConfig(
        backbone_config=backbone, fusion_hidden_size=64, neck_hidden_sizes=[48, 96, 192, 384],
        depth_estimation_type=kind, max_depth=limit_m,
    ).save_pretrained(tmp_path)  # fmt: skip
    path = silent(tmp_path, 'model.safetensors')
    assert spec_of_file(MODELS[model], CheckpointFile.read(path), '') == MODELS[model]


def test_rows_of_a_network_are_told_by_their_range():
    assert rows_like(MODELS[HYPERSIM], None) == [RELATIVE]
    assert rows_like(MODELS[RELATIVE], 80.0) == [VKITTI]
    assert rows_like(MODELS['tiny'], 10.0) == []


def test_no_checkpoint_is_the_published_one(tmp_path):
    assert spec_of_checkpoint(MODELS[HYPERSIM], '') is MODELS[HYPERSIM]
    assert spec_of_checkpoint(MODELS['tiny'], str(tuned(tmp_path, 'tiny', 3.0))).max_depth_m == 3
    with pytest.raises(CheckpointError, match='does not exist'):
        spec_of_checkpoint(MODELS['tiny'], str(tmp_path / 'none.pth'))


def test_loaded_network_gives_the_metres_of_its_file(tmp_path):
    state = load_weights(MODELS['tiny'], weights='random').state
    path = tmp_path / 'weights.safetensors'
    save_file(state, path, own_metadata(replace(MODELS['tiny'], max_depth_m=10.0)))
    estimator, weights = load_estimator('tiny', checkpoint=str(path))
    assert estimator.spec == weights.spec == replace(MODELS['tiny'], max_depth_m=10.0)
    pixels = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        values = estimator.values(pixels)
        torch.testing.assert_close(estimator(pixels), 10.0 / (1.0 + (-values).exp()))


def test_file_of_an_unknown_model_is_refused_with_both_readings(tmp_path):
    path = tmp_path / 'weights.safetensors'
    about = {'model': 'foo', 'max_depth_m': None}
    save_file({'a': torch.zeros(1)}, path, {OWN_KEY: json.dumps(about)})
    message = (
        "is of model 'foo' according to its own metadata, not of 'tiny'; no such model is known "
        'here: .*tiny'
    )
    with pytest.raises(CheckpointError, match=message):
        read('tiny', path)
    own = replace(MODELS['tiny'], name='foo')
    assert spec_of_file(own, CheckpointFile.read(path), '').name == 'foo'
