"""The page of what networks cost, and the one in docs held against the code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from depth_anything_ros.cli.benchmark_options import every_network
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest, PartCounts
from depth_anything_ros.lab.benchmark.networks_page import networks_page
from depth_anything_ros.lab.benchmark.operations import count_operations, count_parameters
from depth_anything_ros.lab.benchmark.plan import Target, fitting_size
from depth_anything_ros.lab.benchmark.rows import BenchmarkResult, BenchmarkRow, NetworkCounts
from depth_anything_ros.lab.benchmark.timing import statistics
from depth_anything_ros.models import MODELS

PAGE = Path(__file__).resolve().parents[3] / 'docs' / 'networks.md'
ASKED = (256, 256)


def row(model: str, kind: NetworkKind, **changes: object) -> BenchmarkRow:
    options = NetworkOptions(
        model, weights='random', backend='torch', precision='fp32', device='cpu',
        input_size=(64, 96), threads=2,
    )  # fmt: skip
    return replace(
        BenchmarkRow.planned(Target(NetworkRequest(options, kind), ASKED), 0), **changes
    )


def page_of(*rows: BenchmarkRow) -> list[str]:
    environment = {'cpu': 'some CPU', 'cores': 2, 'torch': '2.13.0'}
    result = BenchmarkResult(environment, 2, 5, 1, 3, True, rows, [])
    return networks_page(result).splitlines()


def test_page_tells_costs_machine_and_notes() -> None:
    counts = NetworkCounts.of(PartCounts(1_234_567), PartCounts(2_500_000_000))
    timed = row(
        'yolo11n', NetworkKind.DETECTOR, status='ok', reason='', counts=counts,
        times=statistics([40.0, 50.0, 60.0]), share_of_peak=0.25, note='a note',
        peak_resident_bytes=400_000_000,
    )  # fmt: skip
    lines = page_of(timed)
    assert (
        'Measured on some CPU, 2 cores, with 2 threads, 5 runs of each after 3 more; torch 2.13.0.'
        in lines
    )
    cells = 'yolo11n | 64×96 | – | – | 1,234,567 | – | – | 2.5 | random | ultralytics fp32'
    assert f'| {cells} | 50 | 25% | 400 |' in lines
    assert lines[-1] == '- `yolo11n`: a note'


def test_what_could_not_be_timed_is_counted_all_the_same_and_says_why() -> None:
    lines = page_of(row('tiny', NetworkKind.BACKEND, reason='no memory'))
    assert not [line for line in lines if 'Measured on' in line or 'p50' in line]
    (found,) = (line for line in lines if line.startswith('| tiny |'))
    operations = count_operations(MODELS['tiny'], 64, 96)
    assert f'| 4,065,409 | {operations.encoder / 1e9:.1f} |' in found
    assert lines[-1] == '- `tiny`: no memory'
    timed = row('yolo11n', NetworkKind.DETECTOR, status='ok', times=statistics([9.0]))
    counts = NetworkCounts.of(PartCounts(1), PartCounts(1))
    lines = page_of(row('tiny', NetworkKind.BACKEND), replace(timed, counts=counts))
    (found,) = (line for line in lines if line.startswith('| tiny |'))
    assert found.endswith('| random | torch fp32 | – | – | – |')


def test_parameters_are_those_of_what_gives_depth() -> None:
    for name in ('tiny', 'depth_anything_v2_vits'):
        assert count_parameters(MODELS[name]).total == MODELS[name].parameters
    whole = MODELS['depth_anything_3_small']
    assert count_parameters(whole).total == whole.parameters - 1_182_722  # the camera's head


def test_every_network_is_named_once() -> None:
    names = every_network()
    assert 'depth_anything_v2_vits' in names
    assert 'depth_anything_v2_metric_hypersim_vits' not in names
    assert {'vggt', 'vggt_sdt', 'depth_anything_3_giant', 'tiny', 'anydepth_vitl'} <= {*names}
    assert {MODELS[name].parameters for name in names} == {
        row.parameters for row in MODELS.values()
    }


@pytest.mark.slow
def test_the_page_in_docs_has_the_networks_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in PAGE.read_text().splitlines()
        if line.startswith('|')
    ]
    found = {cells[0]: cells for cells in rows}
    for name in every_network():
        spec = MODELS[name]
        size = fitting_size(spec, ASKED)
        operations = count_operations(spec, *size)
        assert found[name][1] == f'{size[0]}×{size[1]}'
        assert found[name][4] == f'{count_parameters(spec).total:,}'
        made = (operations.encoder, operations.decoder, operations.total)
        assert found[name][5:8] == [f'{count / 1e9:.1f}' for count in made]
