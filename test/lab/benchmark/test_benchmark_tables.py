"""What the verb `benchmark` shows, from rows written by hand."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from depth_anything_ros.files import write_json
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.lab.benchmark.plots import best_rates, draw
from depth_anything_ros.lab.benchmark.rows import (
    BenchmarkRow,
    LayerRow,
    LayerStatistics,
    NetworkCounts,
    file_names,
    rows_table,
    timed_rows,
)
from depth_anything_ros.lab.benchmark.tables import group_lines, layer_lines
from depth_anything_ros.lab.benchmark.timing import statistics


def request(model: str, backend: str, kind: NetworkKind = NetworkKind.BACKEND) -> NetworkRequest:
    return NetworkRequest(NetworkOptions(
        model, backend=backend, precision='fp32', device='cpu', input_size=(64, 64), threads=2
    ), kind)  # fmt: skip


def row(model: str, backend: str, p50_ms: float, asked=(64, 64), **changes) -> BenchmarkRow:
    planned = BenchmarkRow.planned(Target(request(model, backend), asked), 0)
    counts = NetworkCounts(
        parameters=3_000_000, encoder_parameters=1_000_000, decoder_parameters=2_000_000,
        macs=1_000_000_000, encoder_macs=400_000_000, decoder_macs=600_000_000, gflop=2.0,
    )  # fmt: skip
    measured = {
        'status': 'ok', 'reason': '', 'runs': 5, 'load_s': 1.0, 'first_frame_ms': 2.0,
        'counts': counts, 'network_ms': p50_ms, 'preprocess_ms': 1.0, 'postprocess_ms': 0.5,
        'gflop_per_s': 100.0, 'peak_gflop_per_s': 200.0, 'share_of_peak': 0.5, 'times_first': 1.0,
        'times': statistics([p50_ms] * 5),
    }  # fmt: skip
    return replace(planned, **{**measured, **changes})


def test_tables_tell_models_latency_stages_and_failures():
    rows = [
        row('one', 'torch', 10.0, encoder_ms=7.0, decoder_ms=3.0, speedup=1.0),
        row('two', 'openvino', 5.0, speedup=2.0, times_first=0.5, input_size=(70, 70)),
        row('two', 'onnxruntime', 5.0, status='failed', reason='no memory'),
        row('two', 'torch', 5.0, status='failed', reason='no memory'),
    ]
    lines = group_lines(rows)
    assert lines[0].startswith('input 64x64; 2 threads, 5 runs each')
    one, two = (line.split() for line in lines[2:4])
    assert one == ['one', 'pretrained', '64x64', '1.0', '2.0', '3.0', '0.40', '0.60', '1.00']
    assert two[2] == '70x70'
    assert any(line.split()[-2:] == ['2.00x', '0.50x'] for line in lines)
    latency = lines[next(place for place, line in enumerate(lines) if 'CoV' in line) + 1]
    assert latency.split()[4:10] == ['1.00', '2.0', '5', '10.0', '0.0', '0.0%']
    assert any(line.split()[4:9] == ['1.0', '7.0', '3.0', '10.0', '0.5'] for line in lines)
    assert any(line.split()[4:9] == ['1.0', '-', '-', '5.0', '0.5'] for line in lines)
    assert 'two: asked 64x64, timed at 70x70, which is whole patches' in lines
    assert 'two, onnxruntime fp32, torch fp32: no memory' in lines
    assert not any('memory MB' in line for line in lines)


def test_group_in_which_nothing_ran_has_no_tables():
    lines = group_lines([row('one', 'torch', 1.0, status='failed', reason='gone', runs=None)])
    assert lines[1:] == ['one, torch fp32: gone', '']


@pytest.mark.parametrize(('recipe', 'file', 'title'), [
    ('int8_static', 'b', 'm int8_static b'), ('int8_static', 'int8_static', 'm int8_static'),
    ('', 'b', 'm b'), ('', '', 'm'),
])  # fmt: skip
def test_recipe_and_file_tell_checkpoints_apart(recipe, file, title):
    assert row('m', 'torch', 1.0, recipe=recipe, file=file).title == title


def test_file_tells_checkpoints_of_layers_apart():
    assert replace(layer('one'), file='b').title == 'm b'


def test_files_are_named_as_shortly_as_tells_them_apart():
    paths = ['', '/a/x/one.pth', '/a/x/two.pth', '/a/y/two.pth', '/a/x/six.pth', '/b/x/six.pth',
             '/a/x/two.pth']  # fmt: skip
    names = file_names(paths)
    assert [names[path] for path in paths] == [
        '', 'one', 'x/two.pth', 'y/two.pth', '/a/x/six.pth', '/b/x/six.pth', 'x/two.pth',
    ]  # fmt: skip


def test_size_of_a_comparator_was_chosen_by_its_image_processor():
    comparator = request('a/b', 'torch', NetworkKind.TRANSFORMERS)
    planned = BenchmarkRow.planned(Target(comparator, (64, 64)), 0)
    assert 'a/b: asked 64x64, timed at 56x70, chosen by its image processor' in (
        group_lines([replace(planned, input_size=(56, 70))])
    )


def layer(name: str, **changes) -> LayerRow:
    found = LayerStatistics(name, 'Linear', (1, 2), -1.0, 1.0, 0.5, 2.0, 0.25, 0)
    return LayerRow('m', '', '', 'random', (64, 64), 'encoder', replace(found, **changes))


BAD = {'minimum': None, 'maximum': None, 'mean': None, 'std': None, 'not_finite': 3}


def test_layers_that_are_not_finite_are_counted_and_drawn_as_gaps():
    rows = [layer('one'), layer('two', sparsity=0.5, **BAD)]
    cells = layer_lines(rows)[2].split('  ')
    assert [cell.strip() for cell in cells if cell.strip()] == [
        'm', '64x64', '2', '1', '-1..1 one', '50.0% two', '3 values not finite two',
    ]  # fmt: skip
    assert set(draw([], rows)) == {'layers_m_64x64.png'}
    assert ' -  ' in layer_lines([layer('two', **BAD)])[2]


def test_packed_integers_do_not_hide_the_best_rate_of_the_machine():
    plain, packed = row('one', 'torch', 10.0), row('one', 'torch', 5.0, peak_gflop_per_s=None)
    assert best_rates(timed_rows([plain, packed])) == {('fp32', 'cpu'): 200.0}
    assert best_rates(timed_rows([packed])) == {}


def test_csv_holds_every_key_of_every_row(tmp_path):
    rows = [row('one', 'torch', 10.0), row('two', 'torch', 20.0)]
    write_json(tmp_path / 'rows.json', rows)
    found = list(csv.DictReader(rows_table(rows).csv().splitlines()))
    assert list(found[0]) == list(json.loads((tmp_path / 'rows.json').read_text())[0])
    assert [line['p50_ms'] for line in found] == ['10.0', '20.0']
    assert found[0]['input_size'] == '64x64'
    assert found[0]['max_error'] == ''


def test_rows_that_failed_draw_nothing():
    assert draw([row('one', 'torch', 1.0, status='failed')], []) == {}


def test_latency_over_resolution_needs_two_sizes():
    small, large = (
        row('one', 'torch', 10.0),
        row('one', 'torch', 40.0, (128, 128), input_size=(128, 128)),
    )
    assert set(draw([small], [])) == {
        'latency_parameters.png', 'latency_macs.png', 'stages_64x64.png',
    }  # fmt: skip
    pictures = draw([small, large], [])
    assert 'latency_resolution.png' in pictures
    assert 'stages_128x128.png' in pictures


@pytest.mark.parametrize(('encoder_ms', 'colour'), [(6.0, 'C1'), (None, '0.6')])
def test_stages_of_a_single_graph_are_drawn_as_one(encoder_ms, colour):
    from matplotlib.colors import to_rgb

    decoder_ms = None if encoder_ms is None else 4.0
    record = row('one', 'torch', 10.0, encoder_ms=encoder_ms, decoder_ms=decoder_ms)
    picture = draw([record], [])['stages_64x64.png']
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    # Below the legend, which has small patches of all colours that occur.
    wanted = np.round(255 * np.array(to_rgb(colour))).astype(int)
    assert (abs(image.astype(int) - wanted).max(axis=2) <= 2)[60:].sum() > 2000
