import math
from dataclasses import replace
from functools import partial

import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest
from depth_anything_ros.lab.benchmark.plan import (
    Target,
    asked_text,
    comparator_size,
    fitting_size,
    free_bytes,
    groups,
    needed_bytes,
    too_large,
)
from depth_anything_ros.models import MODELS

TINY, DAV2, ANYDEPTH = (
    MODELS[name] for name in ('tiny', 'depth_anything_v2_vits', 'anydepth_vits')
)


def target(
    model: str,
    backend: str = 'torch',
    precision: str = 'fp32',
    kind: NetworkKind = NetworkKind.BACKEND,
) -> Target:
    options = NetworkOptions(
        model, weights='random', backend=backend, precision=precision, device='cpu',
        input_size=(64, 64), threads=1,
    )  # fmt: skip
    return Target(NetworkRequest(options, kind), (64, 64))


@pytest.mark.parametrize(
    ('spec', 'asked', 'size'),
    [
        (ANYDEPTH, 256, (256, 336)),
        (DAV2, 256, (252, 336)),
        (DAV2, 518, (518, 686)),
        (DAV2, 0, (518, 686)),
        (TINY, 0, (192, 256)),
        (ANYDEPTH, (256, 256), (256, 256)),
        (DAV2, (256, 256), (252, 252)),
        (DAV2, (512, 1024), (518, 1022)),
        (TINY, (1, 50), (32, 64)),
    ],
)
def test_size_is_rounded_to_the_patches_of_the_model(spec, asked, size):
    assert fitting_size(spec, asked) == size


def test_shorter_side_that_makes_a_huge_input_is_refused():
    with pytest.raises(BackendError, match='at most'):
        fitting_size(DAV2, 4000)


@pytest.mark.parametrize('asked', [(20000, 20000), (14, 600_000)])
def test_pair_that_makes_a_huge_input_is_refused(asked):
    for fit in (partial(fitting_size, DAV2), comparator_size):
        with pytest.raises(BackendError, match=r'network input of .* at most 8000000 pixels'):
            fit(asked)


def test_comparator_is_asked_for_the_same_size_or_keeps_its_own():
    assert comparator_size(0) is None
    assert comparator_size(256) == (256, 341)
    assert comparator_size((256, 256)) == (256, 256)


def test_size_is_named_as_it_was_asked_for():
    assert [asked_text(asked) for asked in (0, 256, (64, 96))] == ['0', '256', '64x96']


def test_models_take_turns_while_the_memory_holds_them():
    rows = [[target('tiny')], [target('depth_anything_v2_vitl')], [target('anydepth_vits')]]
    tiny, large, small = rows
    plenty = 100 * needed_bytes([*tiny, *large, *small])
    assert groups(rows, plenty, apart=False) == [[*tiny, *large, *small]]
    assert groups(rows, plenty, apart=True) == rows
    assert groups(rows, 0, apart=False) == rows
    little = math.ceil(needed_bytes([*large, *small]) / 0.7)
    assert groups(rows, little, apart=False) == [[*tiny, *large], small]
    assert groups([], plenty, apart=False) == []


def test_needed_memory_follows_parameters_precision_and_maps():
    parameters = TINY.parameters
    maps = 4 * 4 * TINY.features * 64 * 64
    passing = 4 * parameters + maps
    assert needed_bytes([]) == 0
    assert needed_bytes([target('tiny')]) == 4 * parameters + passing
    narrow = target('tiny', 'torch', 'bf16')
    assert needed_bytes([narrow]) == 2 * parameters + passing
    graph = target('tiny', 'openvino', 'bf16')
    assert needed_bytes([graph, narrow]) == (6 + 2) * parameters + maps + passing
    assert needed_bytes([replace(graph, failure='no such thing')]) == 0
    hub = target('somebody/model', kind=NetworkKind.TRANSFORMERS)
    assert needed_bytes([hub]) == 8e9


def test_model_whose_weights_alone_are_larger_than_the_memory_is_not_opened():
    assert not too_large('vggt', 0)
    assert not too_large('tiny', 20_000_000)
    assert not too_large('vggt', 5_000_000_000)
    assert too_large('vggt', 3_000_000_000) == (
        'its weights alone take 4.6 GB; 3.0 GB of memory are free'
    )


def test_memory_of_a_comparator_is_the_size_of_its_files(tmp_path):
    def bytes_of(model: str) -> int:
        return needed_bytes([target(model, kind=NetworkKind.TRANSFORMERS)])

    (tmp_path / 'model.safetensors').write_bytes(bytes(1000))
    assert bytes_of(str(tmp_path)) == 2000
    assert bytes_of('/no/such/folder') == bytes_of('./none') == 0
    assert bytes_of('nobody/not-cached') == 8e9


def test_row_names_what_runs_it():
    backends = [target('tiny', kind=kind).backend for kind in NetworkKind]
    assert backends == ['torch', 'torch eager', 'transformers', 'ultralytics', 'torch']


def test_free_memory_is_read_from_what_the_system_tells(tmp_path):
    meminfo = tmp_path / 'meminfo'
    meminfo.write_text('MemTotal:  900 kB\nMemAvailable:   512 kB\n')
    assert free_bytes('cpu', meminfo) == 512 * 1024
    assert free_bytes('cpu', tmp_path / 'none') == 0
