import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

import depth_anything_ros
from depth_anything_ros.config import BagPlayerConfig, DepthNodeConfig, EvaluatorConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.models import MODELS
from depth_anything_ros.parameters import (
    Affects,
    ParameterInfo,
    from_mapping,
    parameter,
    parameter_infos,
    parse_value,
)
from depth_anything_ros.scale import SCALE_SOURCES

PACKAGE = Path(depth_anything_ros.__file__).parent
CONFIGS = [DepthNodeConfig, EvaluatorConfig, BagPlayerConfig]


@dataclass(frozen=True)
class Example:
    speed: float = parameter(1.0, 'Speed.', unit='m/s', minimum=0.0, maximum=2.0)
    mode: str = parameter('slow', 'Mode.', choices=('slow', 'fast'))
    names: tuple[str, ...] = parameter(('a',), 'Names.', choices=('a', 'b'))
    count: int = parameter(3, 'Count.', minimum=1)


def test_values_not_given_keep_their_defaults():
    assert from_mapping(Example, {'count': 5}) == Example(count=5)


def test_whole_number_serves_as_float_and_list_as_tuple():
    config = from_mapping(Example, {'speed': 2, 'names': ['b', 'a']})
    assert (config.speed, config.names) == (2.0, ('b', 'a'))
    assert type(config.speed) is float


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'sped': 1.0}, r"unknown parameter 'sped'; known: speed, mode, names, count"),
        ({'speed': 2.5}, r"'speed': 2.5 is out of range; allowed: 0 … 2 m/s"),
        ({'speed': float('nan')}, r"'speed': nan is out of range"),
        ({'mode': 'quick'}, r"'mode': unknown value 'quick'; known: slow, fast"),
        ({'names': ['a', 'c']}, r"'names': unknown value 'c'; known: a, b"),
        ({'count': 1.5}, r"'count': 1.5 is of type float, int is needed"),
        ({'count': True}, r"'count': True is of type bool"),
        ({'count': 0}, r"'count': 0 is out of range; allowed: 1 … "),
    ],
)
def test_bad_value_is_named_with_what_is_allowed(values, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(Example, values)


@pytest.mark.parametrize(
    ('config', 'values', 'message'),
    [
        (
            DepthNodeConfig,
            {'reference_min_depth_m': 9.0},
            r"'reference_min_depth_m' \(9\) and 'reference_max_depth_m' \(8\): .* below",
        ),
        (
            DepthNodeConfig,
            {'scale_source': 'fixed', 'scale_fallbacks': 'motion', 'motion_source': 'off'},
            r"'motion_source': off leaves the scale source motion without .* auto, odom, tf",
        ),
        (
            DepthNodeConfig,
            {'cloud_voxel_m': 0.0005},
            r"'cloud_voxel_m': 0.0005 is out of range; allowed: 0, .* or 0.001 … 10 m",
        ),
        (DepthNodeConfig, {'cloud_max_hz': -1.0}, "'cloud_max_hz': -1.0 .* 0 … 1000 Hz"),
        (DepthNodeConfig, {'preview_jpeg_quality': 0}, "'preview_jpeg_quality': 0 .* 1 … 100"),
        (EvaluatorConfig, {'min_depth_m': 2, 'max_depth_m': 2}, r"'max_depth_m' \(2\)"),
    ],
)
def test_values_that_go_together_badly_are_refused(config, values, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(config, values)


@pytest.mark.parametrize('config', CONFIGS)
def test_every_parameter_has_help_and_a_default_in_range(config):
    defaults = {}
    for name, (default, info) in parameter_infos(config).items():
        assert info.help.endswith('.'), name
        bounded = not isinstance(default, (int, float)) or isinstance(default, bool)
        assert bounded or info.minimum is not None, f'{name} has no range'
        defaults[name] = default
    assert from_mapping(config, defaults) == config()


@pytest.mark.parametrize('config', CONFIGS)
def test_every_parameter_says_what_it_affects(config):
    for name, (_, info) in parameter_infos(config).items():
        assert info.affects is not None, name
        assert (info.affects is Affects.START) == info.read_only, name


@pytest.mark.parametrize('config', CONFIGS)
def test_no_parameter_is_declared_and_never_read(config):
    read = {
        node.attr
        for path in PACKAGE.rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.Attribute)
    }
    # A topic of references names the parameter of its transport.
    read |= {topic.transport for entry in SCALE_SOURCES.values() for topic in entry.references}
    assert set(parameter_infos(config)) - read == set()


def test_choices_are_the_names_of_the_tables():
    infos = parameter_infos(DepthNodeConfig)
    assert infos['backend'][1].choices == ('auto', *BACKENDS)
    assert infos['scale_source'][1].choices == ('none', *SCALE_SOURCES)
    assert infos['model'][0] in MODELS
    modes = parameter_infos(EvaluatorConfig)['alignments'][1].choices
    assert modes == tuple(mode.value for mode in AlignmentMode)


@pytest.mark.parametrize(
    ('text', 'default', 'value'),
    [('2', 1.0, 2.0), ('1e-9', 1.0, 1e-9), ('7', 1, 7), ('On', False, True), ('1e5', '', '1e5')],
)
def test_a_text_becomes_the_type_of_the_default(text, default, value):
    found = parse_value('name', text, default, ParameterInfo(help=''))
    assert found == value
    assert type(found) is type(default)


@pytest.mark.parametrize(
    ('text', 'default', 'message'),
    [
        ('fast', 1.0, "parameter 'rate': 'fast' is not a number"),
        ('1.5', 1, "parameter 'rate': '1.5' is not a whole number"),
        ('2', False, "parameter 'rate': '2' is not one of true, false, yes, no, on, off"),
        ('nan', 1.0, 'rate.*nan is out of range; allowed: 0 … 9'),
        ('10', 1, 'rate.*10 is out of range; allowed: 0 … 9'),
    ],
)
def test_a_text_that_is_no_value_names_its_argument(text, default, message):
    info = ParameterInfo(help='', minimum=0, maximum=9)
    with pytest.raises(ConfigError, match=message):
        parse_value('rate', text, default, info)
