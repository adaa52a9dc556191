import json

import pytest
from made_networks import CONTRACT, contract

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import as_json
from depth_anything_ros.models.contract import Channels, Values
from depth_anything_ros.models.contract_file import KEYS, read_contract
from depth_anything_ros.models.spec import Interpolation
from depth_anything_ros.types import OutputKind

METRES = {'output_max_depth_m': 10, 'output_metres_per_unit': 1}
MADE_BY = {
    'model': 'tiny', 'weights': 'pretrained', 'sha256': '', 'recipe': '', 'precision': 'fp32',
    'integers': '', 'versions': {},
}  # fmt: skip


def read(tmp_path, content):
    path = tmp_path / 'network.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_contract(path)


def test_a_contract_is_the_row_of_its_network(tmp_path):
    found = read(tmp_path, contract(input_interpolation='area', input_resize='longer_side'))
    spec = found.spec
    assert (spec.name, spec.licence, spec.patch, spec.input_size) == ('grey', 'MIT', 8, 32)
    assert spec.longer_side
    assert spec.stretch is None
    assert spec.interpolation is Interpolation.AREA
    assert spec.output_kind is OutputKind.RELATIVE_INVERSE_DEPTH
    assert spec.output == 'relative inverse depth'


def test_mean_and_std_become_those_of_rgb_in_0_to_1(tmp_path):
    numbers = {'input_range': 255, 'input_mean': [51, 102, 153], 'input_std': [255, 127.5, 51]}
    spec = read(tmp_path, contract(**numbers)).spec
    assert spec.mean == (0.2, 0.4, 0.6)
    assert spec.std == (1.0, 0.5, 0.2)
    swapped = read(tmp_path, contract(**numbers, input_channels='bgr'))
    assert swapped.input.channels is Channels.BGR
    assert swapped.spec.mean == (0.6, 0.4, 0.2)
    assert swapped.spec.std == (0.2, 0.5, 1.0)


@pytest.mark.parametrize(
    ('kind', 'more', 'output', 'words'),
    [
        ('relative_inverse_depth', {}, 'relative_inverse_depth', 'relative inverse depth'),
        (
            'inverse_depth_up_to_scale',
            {},
            'inverse_depth_up_to_scale',
            'inverse depth up to a scale',
        ),
        (
            'depth_up_to_scale',
            {'output_metres_at_focal_px': 300},
            'inverse_depth_up_to_scale',
            'inverse depth up to a scale, metres by the focal length',
        ),
        ('affine_depth', {}, 'affine_depth', 'depth up to scale and shift'),
        ('inverse_affine_depth', {}, 'affine_depth', 'depth up to scale and shift'),
        ('metric_depth', METRES, 'metric_depth', 'metres to 10 m'),
        ('metric_inverse_depth', METRES, 'metric_depth', 'metres to 10 m'),
    ],
)
def test_each_kind_of_numbers_becomes_a_kind_of_output(tmp_path, kind, more, output, words):
    found = read(tmp_path, contract(output_kind=kind, **more))
    assert found.spec.output_kind.value == output
    assert found.spec.output == words


def test_every_kind_has_its_test():
    assert len(Values) == 7


def test_stretch_takes_both_sides(tmp_path):
    found = read(tmp_path, contract(input_resize='stretch', input_size=[24, 32]))
    assert found.spec.stretch == (24, 32)


def test_what_is_written_reads_as_the_same(tmp_path):
    found = read(tmp_path, contract(output_kind='metric_depth', **METRES))
    assert read(tmp_path, json.dumps(found, default=as_json)) == found


def test_an_optional_key_may_be_left_out(tmp_path):
    assert read(tmp_path, contract()).spec.align_corners
    assert not read(tmp_path, contract(output_upsampling='half_pixel')).spec.align_corners
    optional = ['output.upsampling', 'output.confidence', 'made_by']
    assert [key.path for key in KEYS if not key.required] == optional


def flat(content):
    return {
        f'{group}{"." if group else ""}{key}'
        for group, keys in (('', content), ('input', content['input']),
                            ('output', content['output']))
        for key in keys
    } - {'input', 'output'}  # fmt: skip


def test_the_table_of_keys_is_the_file():
    assert {key.path for key in KEYS if key.required} == flat(CONTRACT)


@pytest.mark.parametrize('key', [key for key in KEYS if key.required], ids=lambda key: key.path)
def test_a_missing_key_is_named(tmp_path, key):
    content = contract()
    group, _, name = key.path.rpartition('.')
    del (content[group] if group else content)[name]
    with pytest.raises(CheckpointError, match=f"network.json': key '{key.path}' is missing; "):
        read(tmp_path, content)


@pytest.mark.parametrize('key', KEYS, ids=lambda key: key.path)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, key):
    content = contract()
    group, _, name = key.path.rpartition('.')
    (content[group] if group else content)[name] = [['wrong']]
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path, content)
    assert f'key \'{key.path}\' is [["wrong"]]; allowed: {key.allowed}' in str(caught.value)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'mena': 1}, "unknown key 'mena'; known: name, licence"),
        ({'input_mena': 1}, "unknown key 'input.mena'; known: name, licence"),
        ({'input': 3}, "unknown key 'input'; known: "),
        ({'input_range': True}, "key 'input.range' is true; allowed: 1, 255"),
        ({'input_std': [1, 0, 1]}, "key 'input.std' is [1, 0, 1]; allowed: three numbers above 0"),
        ({'input_mean': [1, 0]}, "key 'input.mean' is [1, 0]; allowed: three numbers"),
        ({'input_size': 0}, "key 'input.size' is 0; allowed: 1 to 4096"),
        ({'input_size': 33}, "'input.size' is 33; allowed: multiples of input.multiple 8"),
        ({'input_size': [32, 32]}, "'input.size' is [32, 32]; allowed with resize shorter_side: "),
        ({'input_resize': 'stretch'}, "'input.size' is 32; allowed with resize stretch: [height"),
        ({'name': 'two\nlines'}, 'key \'name\' is "two\\nlines"; allowed: a text in one line'),
        ({'licence': 'a\x1b[31m'}, "key 'licence' is "),
        (
            {'made_by': {'model': 'tiny'}},
            'key \'made_by\' is {"model": "tiny"}; allowed: as `expor',
        ),
        ({'made_by': {**MADE_BY, 'integers': 'a\x1b[31m'}}, "key 'made_by' is {"),
        ({'output_confidence': ''}, 'key \'output.confidence\' is ""; allowed: a text, or null'),
        ({'files': {}}, "key 'files' is {}; allowed: names of files in the folder"),
        ({'files': {}}, 'none of them ends in .onnx or .xml'),
        ({'files': {'../x.onnx': None}}, "'../x.onnx' is no plain name of a file beside"),
        ({'files': {'./x.onnx': None}}, "'./x.onnx' is no plain name of a file beside"),
        ({'files': {'X.ONNX': None}}, 'none of them ends in .onnx or .xml, in small letters'),
        ({'files': {'x.onnx': 'abc'}}, 'key \'files\' is {"x.onnx": "abc"}'),
        (
            {'files': {'x.onnx': f'sha256:{"0" * 64}'}},
            "of 'x.onnx' is no sha256, which has 64 hex digits, nor null",
        ),
        ({'output_kind': 'metric_depth'}, "'output.max_depth_m' is null; allowed with metric_dep"),
        (
            {'output_kind': 'metric_depth', 'output_max_depth_m': 10},
            "'output.metres_per_unit' is null; allowed with metric_depth: a number",
        ),
        ({'output_max_depth_m': 10}, "'output.max_depth_m' is 10; allowed with relative_inverse_"),
        ({'output_metres_at_focal_px': 9}, "metres_at_focal_px' is 9; allowed with relative_inv"),
    ],
)
def test_what_contradicts_itself_is_named(tmp_path, changes, message):
    content = (
        {**contract(), **changes}
        if 'mena' in changes or 'input' in changes
        else contract(**changes)
    )
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{', "network.json' is no JSON"),
        ('{"name": "a", // the name\n}', 'is no JSON: .*; JSON has no comments'),
        ('# mine\n{}', 'is no JSON: .*; JSON has no comments'),
        ('{"name": "http://a" "b"}', 'is no JSON: [^;]*$'),
        (
            '{"input": {"mean": [0, 0, 0], "mean": [1, 1, 1]}}',
            "is no JSON: key 'mean' is there 2 times",
        ),
        ('[1]', r"network.json': it is \[1\]; allowed: an object"),
    ],
)
def test_what_is_no_contract_is_said(tmp_path, content, message):
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path, content)
