import dataclasses

import pytest
import torch

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.prunable_groups import (
    PrunableGroups,
    TensorAxis,
    narrow,
    prunable_groups_of,
)

VITS, TINY = MODELS['depth_anything_v2_vits'], MODELS['tiny']


def test_units_are_kept_whole_in_every_repetition():
    # Two units of two numbers, the sequence three times, as of queries, keys and values.
    rows = torch.arange(12.0)[:, None]
    kept = PrunableGroups(2, (TensorAxis('a', 0, 3),)).keep(
        TensorAxis('a', 0, 3), rows, torch.tensor([1])
    )
    assert kept.flatten().tolist() == [2, 3, 6, 7, 10, 11]
    columns = torch.arange(4.0)[None, :]
    kept = PrunableGroups(2, (TensorAxis('b', 1),)).keep(
        TensorAxis('b', 1), columns, torch.tensor([0])
    )
    assert kept.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ('shapes', 'count'),
    [
        ({'a': (12, 5), 'b': (3, 4)}, 2),
        ({'a': (12, 5), 'b': (3, 8)}, None),
        ({'a': (13, 5), 'b': (3, 4)}, None),
        ({'a': (0, 5), 'b': (3, 0)}, None),
        ({'a': (12, 5)}, None),
        ({'a': (12, 5), 'b': (4,)}, None),
    ],
)
def test_shapes_tell_how_many_units_there_are(shapes, count):
    assert PrunableGroups(2, (TensorAxis('a', 0, 3), TensorAxis('b', 1))).count(shapes) == count


@pytest.mark.parametrize('spec', [VITS, TINY, MODELS['anydepth_vits']], ids=lambda row: row.name)
def test_network_without_some_units_gives_what_the_whole_gives_with_them_at_zero(spec):
    torch.manual_seed(0)
    whole = create_model(spec).eval()
    for values in whole.parameters():
        torch.nn.init.normal_(values, std=0.05)
    state = whole.state_dict()
    kept = dict(state)
    for units in prunable_groups_of(whole).values():
        count = units.count({name: values.shape for name, values in state.items()})
        chosen = torch.arange(0, count, 2)
        gone = torch.arange(1, count, 2)
        for place in units.axes:
            kept[place.tensor] = units.keep(place, state[place.tensor], chosen)
        last = units.axes[-1]  # what reads the units; without it they do nothing
        weights = state[last.tensor]
        columns = (gone[:, None] * units.size + torch.arange(units.size)).flatten()
        weights[:, columns] = 0.0
    small = create_model(spec).eval()
    narrow(small, {name: values.shape for name, values in kept.items()})
    small.load_state_dict(kept, strict=True)
    pixels = torch.randn(1, 3, 2 * spec.patch, 3 * spec.patch)
    with torch.inference_mode():
        wanted, got = whole.values(pixels), small.values(pixels)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    numbers = sum(values.numel() for values in small.parameters())
    assert numbers < 0.75 * sum(values.numel() for values in whole.parameters())


def test_network_stays_whole_where_shapes_are_no_smaller():
    estimator = create_model(VITS)
    before = {name: values.shape for name, values in estimator.state_dict().items()}
    larger = create_model(dataclasses.replace(VITS, encoder_size='vitb'))
    narrow(estimator, {name: values.shape for name, values in larger.state_dict().items()})
    narrow(estimator, {})
    assert {name: values.shape for name, values in estimator.state_dict().items()} == before


def test_layers_say_their_new_size():
    estimator = create_model(TINY)
    block = estimator.pretrained.blocks[3]
    shapes = {name: tuple(v.shape) for name, v in estimator.state_dict().items()}
    for place in prunable_groups_of(estimator)['pretrained.blocks.3'].axes:
        shape = list(shapes[place.tensor])
        shape[place.axis] = 48
        shapes[place.tensor] = tuple(shape)
    narrow(estimator, shapes)
    assert (block.expand_conv.out_channels, block.project_conv.in_channels) == (48, 48)
    assert (block.depthwise_conv.groups, block.depthwise_conv.in_channels) == (48, 48)
    assert block.bn1.num_features == 48
