"""The verb `info` lists every model, in a table and in JSON."""

import json
from pathlib import Path

import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.config import topic_table
from depth_anything_ros.config.bag_player import BagPlayerConfig
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.contract_file import KEYS
from depth_anything_ros.parameters import markdown_table, parameter_infos


def test_table_has_a_line_per_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['info']) == 0
    lines = capsys.readouterr().out.splitlines()
    for spec in MODELS.values():
        line = next(line for line in lines if line.startswith(f'{spec.name} '))
        assert f'{spec.parameters / 1e6:.1f} M' in line
        for word in (spec.licence, str(spec.input_size), spec.hub_repo):
            assert word in line
        home = spec.weights_file if spec.hub_repo else 'in this package'
        assert (home if spec.weights_file else 'none published') in line
        assert (
            'relative' in line if spec.max_depth_m is None else f'{spec.max_depth_m:g} m' in line
        )


def test_json_has_every_field_of_every_model(tmp_path: Path) -> None:
    path = tmp_path / 'info.json'
    assert main(['info', '--json', str(path)]) == 0
    models = {model['name']: model for model in json.loads(path.read_text())['models']}
    assert list(models) == list(MODELS)
    assert models['depth_anything_v2_vits']['output_kind'] == 'relative_inverse_depth'
    assert models['depth_anything_v2_vits']['parameters'] == 24_785_089
    assert models['depth_anything_v2_metric_hypersim_vits']['max_depth_m'] == 20.0


def test_backends_of_this_machine_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'info.json'
    assert main(['info', '--json', str(path)]) == 0
    answer = json.loads(path.read_text())
    assert list(answer['backends']) == list(BACKENDS)
    assert 'fp32' in answer['backends']['torch']['cpu']
    auto = answer['auto']
    assert auto['precision'] in answer['backends'][auto['backend']][auto['device']]
    assert f'auto takes here: {auto["backend"]}, ' in capsys.readouterr().out


def test_parameters_of_a_node_are_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['info', '--parameters', 'bag_player']) == 0
    assert capsys.readouterr().out.strip() == markdown_table(BagPlayerConfig)


def test_protocols_are_shown_with_their_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'protocols.json'
    assert main(['info', '--protocols', '--json', str(path)]) == 0
    shown = capsys.readouterr().out
    answer = json.loads(path.read_text())['protocols']
    assert list(answer) == list(PROTOCOLS)
    for name, protocol in PROTOCOLS.items():
        assert f'\n{name} ' in shown
        assert f'source: {protocol.source}' in shown
    assert answer['nyu_eigen']['rule']['crop'] == {
        'top': 0.09375, 'bottom': 0.98125, 'left': 0.0640625, 'right': 0.9390625,
    }  # fmt: skip
    assert answer['nyu_eigen']['rule']['metric_alignment'] == 'none'


def test_parameters_of_a_node_are_answered_in_json(tmp_path: Path) -> None:
    path = tmp_path / 'parameters.json'
    assert main(['info', '--parameters', 'bag_player', '--json', str(path)]) == 0
    answer = json.loads(path.read_text())
    assert answer['node'] == 'bag_player'
    assert list(answer['parameters']) == list(parameter_infos(BagPlayerConfig))
    rate = answer['parameters']['rate']
    assert (rate['default'], rate['minimum'], rate['maximum']) == (1.0, 0.01, 100.0)


def test_topics_of_a_node_are_shown_as_a_table_and_answered_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'topics.json'
    assert main(['info', '--topics', 'depth_node', '--json', str(path)]) == 0
    assert capsys.readouterr().out.strip() == topic_table('depth_node')
    answer = json.loads(path.read_text())
    assert answer['node'] == 'depth_node'
    cloud = next(topic for topic in answer['topics'] if topic['name'] == '~/points')
    assert (cloud['way'], cloud['type']) == ('out', 'sensor_msgs/PointCloud2')


def test_the_contract_of_a_network_of_your_own_is_shown_key_by_key(tmp_path, capsys):
    out = tmp_path / 'contract.json'
    assert main(['info', '--contract', '--json', str(out)]) == 0
    shown = capsys.readouterr().out
    told = json.loads(out.read_text())['contract']
    assert list(told) == [key.path for key in KEYS]
    assert told['output.upsampling']['required'] is False
    for key in KEYS:
        assert f'\n{key.path}: {key.allowed}\n  {key.help}\n' in f'{shown}\n'
