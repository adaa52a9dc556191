"""Every row of MODELS keeps its contract."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.models import DECODERS, ENCODERS, MODELS, create_model
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.types import OutputKind

SMALL = MODELS['depth_anything_v2_vits']
# Counted on the public network and stated, rounded, in the public README.
PUBLISHED = [
    name for name in MODELS if name.startswith('depth_anything_v2') and not name.endswith('_sdt')
]
PUBLISHED_PARAMETERS = {'vits': 24_785_089, 'vitb': 97_470_785, 'vitl': 335_315_649}


@pytest.mark.parametrize('spec', MODELS.values(), ids=MODELS.keys())
def test_every_model_keeps_its_contract(spec: ModelSpec) -> None:
    with torch.device('meta'):
        model = create_model(spec)

    count = sum(values.numel() for values in model.parameters())
    assert count == spec.parameters
    assert spec.encoder in ENCODERS
    assert spec.decoder in DECODERS
    assert list(spec.layers) == sorted(set(spec.layers))
    blocks = model.pretrained.any_view.blocks if spec.metric else model.pretrained.blocks
    assert spec.layers[-1] == len(blocks) - 1
    assert len(spec.layers) == len(spec.out_channels) == 4
    assert spec.licence
    assert spec.origin
    assert spec.input_size % spec.patch == 0
    assert bool(spec.hub_repo) <= bool(spec.weights_file)
    assert spec.sha256 == '' or len(spec.sha256) == 64
    metric = spec.output_kind is OutputKind.METRIC_DEPTH
    assert metric == (spec.max_depth_m is not None)
    by_focal_length = spec.metres_at_focal_px is not None
    assert ('metric' in spec.name or spec.metric is not None) == (metric or by_focal_length)
    assert by_focal_length <= spec.up_to_scale


@pytest.mark.parametrize('spec', MODELS.values(), ids=MODELS.keys())
def test_every_model_gives_one_value_a_pixel(spec: ModelSpec) -> None:
    with torch.device('meta'):
        model = create_model(spec).eval()
        height, width = 5 * spec.patch, 7 * spec.patch
        values = model(torch.zeros(2, 3, height, width))
    assert values.shape == (2, height, width)


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_models_have_the_published_tensors(name: str) -> None:
    spec = MODELS[name]
    with torch.device('meta'):
        model = create_model(spec)
    assert spec.parameters == PUBLISHED_PARAMETERS[spec.encoder_size]
    assert set(model.state_dict()) == {key for key, _ in model.named_parameters()}
    assert spec.hub_repo.startswith('depth-anything/')
    assert spec.weights_file == f'{spec.name}.pth'


@pytest.mark.parametrize('size', ['vits', 'vitb', 'vitl'])
def test_rows_of_anydepth_say_what_is_published_and_under_what_licence(size: str) -> None:
    whole, baseline = MODELS[f'anydepth_{size}'], MODELS[f'dinov3_dpt_{size}']
    on_v2 = MODELS[f'depth_anything_v2_{size}_sdt']
    assert [whole.weights_file, baseline.weights_file] == ['', '']
    assert on_v2.weights_file == ('dav2_sdt_vitb.pth' if size == 'vitb' else '')
    assert whole.licence == 'DINOv3 License, CC-BY-NC-SA-4.0'
    assert baseline.licence == 'DINOv3 License'
    v2 = MODELS[f'depth_anything_v2_{size}']
    assert on_v2.licence == ('CC-BY-NC-SA-4.0' if size == 'vitb' else v2.licence)
    assert (on_v2.layers, on_v2.patch, on_v2.encoder) == (v2.layers, v2.patch, v2.encoder)
    for row in (whole, baseline, on_v2):
        assert row.output_kind is OutputKind.RELATIVE_INVERSE_DEPTH


def test_known_digests_are_not_shared_by_two_models() -> None:
    digests = [spec.sha256 for spec in MODELS.values() if spec.sha256]
    assert len(digests) == len(set(digests))


def test_metric_models_reach_twenty_metres_indoors_and_eighty_outdoors() -> None:
    reach = {name: spec.max_depth_m for name, spec in MODELS.items() if spec.max_depth_m}
    assert {name: 20.0 if 'hypersim' in name else 80.0 for name in reach} == reach


def test_only_small_models_are_free_for_commercial_use() -> None:
    for name in ('tiny', 'tiny_sdt_lite'):
        assert MODELS[name].licence == 'Apache-2.0'
        assert MODELS[name].weights_file == f'{name}.safetensors'
    for name in PUBLISHED:
        spec = MODELS[name]
        assert spec.licence == ('Apache-2.0' if name.endswith('vits') else 'CC-BY-NC-4.0')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'encoder': 'dinov9'}, "unknown encoder 'dinov9'; known: dinov2"),
        ({'decoder': 'dtp'}, "unknown decoder 'dtp'; known: dpt"),
        ({'camera': 'pinhole'}, "unknown camera head 'pinhole'; known: direct, refining"),
        ({'encoder_size': 'vitx'}, "unknown encoder size 'vitx'; known: vits, vitb, vitl"),
    ],
)
def test_unknown_part_is_named(change: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message), torch.device('meta'):
        create_model(replace(SMALL, **change))


def test_unknown_attention_is_named() -> None:
    with (
        pytest.raises(UnknownNameError, match="unknown attention 'flash'; known: sdpa, eager"),
        torch.device('meta'),
    ):
        create_model(SMALL, attention='flash')


def test_listing_models_does_not_import_torch() -> None:
    code = (
        'import sys; from depth_anything_ros.models import MODELS; list(MODELS.values());'
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
