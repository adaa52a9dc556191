from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_states import ACTIVE, MODEL, held_result, make_result

from depth_anything_ros.nodes.diagnostics import to_dict, to_status
from depth_anything_ros.nodes.judgement import NodeState
from depth_anything_ros.stream.sections import alignment_section, key_values
from depth_anything_ros.types import Alignment, OutputKind, ScaleState


def test_what_one_node_writes_another_reads_by_the_same_names(statistics):
    statistics.count('received')
    statistics.processed({'inference': 12.5, 'decode': 1.0}, ['depth/image_raw'])
    alignment = Alignment(2.0, 0.25, 'depth_image', 9000, 0.75, 0.01, 1_500_000_000)
    state = NodeState('active', '/i', MODEL, last_result=make_result(alignment=alignment))
    read = to_dict(to_status('depth_node', state, statistics.snapshot(), 5.0))
    assert read['model'] == {
        'name': 'depth_anything_v2_vits',
        'weights': 'pretrained',
        'sha256': 'ab12',
        'backend': 'torch',
        'precision': 'fp32',
        'device': 'cpu',
        'input_size': '518x686',
        'licence': 'Apache-2.0',
        'integers': '8-bit weights in 50 layers',
        'output': 'relative inverse depth',
    }
    assert read['frames']['received'] == '1'
    assert 0.0 <= float(read['image_ago_s']) < 60.0
    assert read['published'] == {'depth/image_raw': '1'}
    assert read['stages_ms']['inference'] == {
        'p50': '12.5',
        'p95': '12.5',
        'p99': '12.5',
        'max': '12.5',
    }
    assert read['scale']['scale'] == '2'
    assert read['scale']['age_s'] == '0.5'


def test_what_refinements_went_by_is_shown(statistics):
    state = replace(ACTIVE, refinement={'temporal_filter': 'follows the camera'})
    read = to_dict(to_status('depth_node', state, statistics.snapshot(), 5.0))
    assert read['refinement'] == {'temporal_filter': 'follows the camera'}


def test_keys_join_sections_by_dots():
    pairs = key_values({'a': {'b': 0.125, 'c': {'d': None}}, 'e': True, 'f': {}})
    assert {pair['key']: pair['value'] for pair in pairs} == {
        'a.b': '0.125',
        'a.c.d': '',
        'e': 'True',
    }


def test_a_scale_is_shown_with_its_state_age_and_error_at_two_metres():
    section = alignment_section(held_result(ScaleState.HELD))
    assert section == {
        'state': 'held',
        'source': 'laser_scan',
        'scale': 0.2,
        'shift': 0.1,
        'points': 90,
        'inlier_ratio': 0.8,
        'residual': 0.005,
        'residual_cm_at_2m': pytest.approx(2.0),
        'age_s': 2.0,
    }


def test_the_residual_of_affine_depth_is_a_share_of_it():
    held = held_result(ScaleState.HELD)
    fit = replace(held.alignment, residual=0.02, kind=OutputKind.AFFINE_DEPTH)
    section = alignment_section(replace(held, alignment=fit))
    assert section['residual_cm_at_2m'] == pytest.approx(4.0)


def test_a_scale_with_a_field_says_how_much_it_changes():
    held = held_result(ScaleState.HELD)
    factors = SimpleNamespace(mean_change=0.08)
    section = alignment_section(replace(held, alignment=replace(held.alignment, factors=factors)))
    assert section['field_percent'] == pytest.approx(8.0)
