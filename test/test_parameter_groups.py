from dataclasses import dataclass

import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.parameters import (
    Affects,
    changed,
    from_mapping,
    group,
    group_of_each,
    names_affecting,
    parameter,
    parameter_infos,
    parameter_values,
)
from depth_anything_ros.registry import Registry


@dataclass(frozen=True)
class Motor:
    speed: float = parameter(1.0, 'Speed.', minimum=0.0, affects=Affects.MODEL)
    shared_m: float = parameter(0.5, 'Shared.', minimum=0.0, affects=Affects.SCALE)
    kept: str = 'no parameter'


@dataclass(frozen=True)
class Lamp:
    shared_m: float = parameter(0.5, 'Shared.', minimum=0.0, affects=Affects.SCALE)
    colour: str = parameter('red', 'Colour.', affects=Affects.FRAME)


@dataclass(frozen=True)
class Other:
    speed: float = parameter(2.0, 'Speed.', minimum=0.0, affects=Affects.MODEL)


def entry(kind):
    return type('Entry', (), {'parameters': kind})


@pytest.fixture
def table():
    return Registry('part', {'motor': entry(Motor)})


@pytest.fixture
def config(table):
    @dataclass(frozen=True)
    class Robot:
        first: int = parameter(1, 'First.', minimum=0, affects=Affects.FRAME)
        lamp: Lamp = group(Lamp)
        parts: dict = group_of_each(table)
        part: str = parameter('none', 'Part.', choices=('none',), names=table)

    return Robot


def test_groups_are_flat_for_a_node_in_the_order_of_the_class(config):
    assert list(parameter_infos(config)) == ['first', 'shared_m', 'colour', 'speed', 'part']
    assert parameter_values(config()) == {
        'first': 1, 'shared_m': 0.5, 'colour': 'red', 'speed': 1.0, 'part': 'none'
    }  # fmt: skip


def test_a_value_reaches_every_group_that_has_the_parameter(config):
    made = from_mapping(config, {'shared_m': 2, 'speed': 3.0})
    assert (made.lamp.shared_m, made.parts['motor']) == (2.0, Motor(3.0, 2.0))
    assert changed(made, {'colour': 'blue'}).parts == made.parts


def test_an_entry_that_comes_later_brings_its_parameters_and_its_name(config, table):
    table.add('lamp', entry(Lamp))
    assert parameter_infos(config)['part'][1].choices == ('none', 'motor', 'lamp')
    assert from_mapping(config, {'colour': 'green'}).parts['lamp'].colour == 'green'


def test_one_name_for_two_parameters_is_refused(config, table):
    table.add('other', entry(Other))
    with pytest.raises(ConfigError, match="'speed' is declared twice, in different ways"):
        parameter_infos(config)


def test_parameters_are_found_by_what_they_affect(config):
    assert names_affecting(config, Affects.FRAME) == {'first', 'colour'}
    assert names_affecting(config, Affects.SCALE) == {'shared_m'}
