"""
The documents keep what they promise: their lines run, their links lead somewhere.

A shell block is run line by line in an empty folder, a page after the other, unless the line above
it says `<!-- not run: REASON -->`; `<!-- slow -->` leaves it to the slow tests. What is not run is
still parsed.
"""

import ast
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import pytest
import yaml
from test_launch_files import CAMERAS_ARGUMENTS, DEPTH_ARGUMENTS, EVALUATE_ARGUMENTS

import depth_anything_ros as dar
from depth_anything_ros.cli.main import VERBS, main, make_parser
from depth_anything_ros.config import (
    CAMERA_PRESETS,
    NODE_CONFIGS,
    DepthNodeConfig,
    node_topics,
    topic_table,
)
from depth_anything_ros.escape import markdown
from depth_anything_ros.evaluation.gate import Gate
from depth_anything_ros.evaluation.metrics import METRICS, is_detail
from depth_anything_ros.inference.devices import DeviceKind
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS
from depth_anything_ros.lab.evaluation.figures import EVALUATION, expected_figures
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.contract import Values
from depth_anything_ros.models.contract_file import KEYS
from depth_anything_ros.parameters import markdown_table, parameter_infos, parse_value

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
DOCUMENTS = [*PAGES, *(ROOT / f'{name}.md' for name in (
    'README', 'ARCHITECTURE', 'CONTRIBUTING', 'SECURITY',
))]  # fmt: skip
FENCE = re.compile(r'(?:^<!-- ([^\n]+?) -->\n)?^```(\w+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'(?<!`)\[[^\]]*\]\(([^)\s]+)\)')
INLINE_VERB = re.compile(r'`\./dev (run [a-z]+(?: [^`…|]*)?)`')
STAND_INS = {'MODEL': 'tiny', 'NODE': 'depth_node'}
LAUNCH_ARGUMENTS = {
    'cameras.launch.py': CAMERAS_ARGUMENTS,
    'depth.launch.py': DEPTH_ARGUMENTS,
    'evaluate.launch.py': DEPTH_ARGUMENTS | EVALUATE_ARGUMENTS,
    'r550.launch.py': DEPTH_ARGUMENTS | {'chassis'},
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: what the line above says of it, its language, its text."""

    page: str
    mark: str
    language: str
    text: str

    def lines(self):
        """Return the command lines as words, without comments."""
        joined = self.text.replace('\\\n', '').splitlines()
        return [words for line in joined if (words := shlex.split(line, comments=True))]


def blocks(language):
    return [
        Block(path.name, *found)
        for path in DOCUMENTS
        for found in FENCE.findall(path.read_text(encoding='utf-8'))
        if found[1] == language
    ]


def by_page(language, slow):
    """Return page → what runs of it, in order."""
    pages = {}
    for block in blocks(language):
        if not block.mark.startswith('not run: ') and (block.mark == 'slow') == slow:
            pages.setdefault(block.page, []).append(block)
    return pages


def verb_line(words):
    """Return the arguments of the program that a line of `./dev` calls, or None."""
    if words[0] != './dev' or words[1] not in ('run', 'demo', 'bench'):
        return None
    verb = {'run': [], 'demo': ['demo'], 'bench': ['benchmark']}[words[1]]
    return [*verb, *words[2:]]


SHELL = by_page('bash', slow=False)
SLOW_SHELL = by_page('bash', slow=True)
PYTHON = by_page('python', slow=False)


def run_shell(found, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for block in found:
        for words in block.lines():
            arguments = verb_line(words)
            assert arguments is not None, f'{words}: mark it as not run, with the reason'
            assert main(arguments) == 0, words


@pytest.mark.parametrize('page', SHELL)
def test_the_shell_lines_of_a_page_run(page, tmp_path, monkeypatch):
    run_shell(SHELL[page], tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('page', SLOW_SHELL)
def test_the_slow_shell_lines_of_a_page_run(page, tmp_path, monkeypatch):
    run_shell(SLOW_SHELL[page], tmp_path, monkeypatch)


def test_a_block_that_is_not_run_says_why():
    for block in (*blocks('bash'), *blocks('python')):
        assert block.mark in ('', 'slow') or re.match('not run: .{10}', block.mark), block


def test_every_line_of_a_verb_has_options_that_exist():
    lines = [words for block in blocks('bash') for words in block.lines()]
    for path in DOCUMENTS:
        text = path.read_text(encoding='utf-8')
        lines += [['./dev', *shlex.split(line)] for line in INLINE_VERB.findall(text)]
    parsed = [arguments for words in lines if (arguments := verb_line(words))]
    assert len(parsed) > 40
    for arguments in parsed:
        # Capital words stand for what the reader puts there.
        given = [STAND_INS.get(word, word) for word in arguments]
        if len(given) > 1:
            make_parser(given[0]).parse_args(given)
        assert given[0] in VERBS


def test_every_launch_line_has_arguments_that_exist():
    found = 0
    infos = parameter_infos(DepthNodeConfig)
    for block in blocks('bash'):
        for words in block.lines():
            if words[:3] != ['ros2', 'launch', 'depth_anything_ros']:
                continue
            for word in words[4:]:
                name, given, value = word.partition(':=')
                if words[3] == 'cameras.launch.py':
                    name = name.rpartition('.')[2]  # of one camera, or of all
                assert given and name in LAUNCH_ARGUMENTS[words[3]], word
                if name in infos:
                    parse_value(name, value, *infos[name])
                found += 1
    assert found > 30


def test_the_gate_and_the_workflow_of_the_page_of_evaluate_are_what_they_say(tmp_path):
    gate, workflow = (block.text for block in blocks('yaml') if block.page == 'evaluate.md')
    earlier = {
        'protocol': {},
        'data': [{'word': 'x', 'models': {'tiny': {'metrics': {'abs_rel': 1, 'delta1': 1}}}}],
    }
    (tmp_path / 'release').mkdir()
    (tmp_path / 'release' / 'summary.json').write_text(json.dumps(earlier))
    (tmp_path / 'gate.yaml').write_text(gate)
    Gate(tmp_path / 'gate.yaml', expected_figures(['x'], ['tiny']), EVALUATION, {})
    (job,) = yaml.safe_load(workflow)['jobs'].values()
    lines = [
        shlex.split(line)
        for step in job['steps']
        for line in step.get('run', '').replace('\\\n', '').splitlines()
    ]
    (launch,) = (words for words in lines if words[:2] == ['ros2', 'launch'])
    names = {word.partition(':=')[0] for word in launch[4:]}
    assert names <= LAUNCH_ARGUMENTS[launch[3]] and 'gate' in names
    (verb,) = (words[4:] for words in lines if words[:2] == ['ros2', 'run'])
    assert make_parser(verb[0]).parse_args(verb).gate == Path('test/gate_frames.yaml')


@pytest.fixture(scope='module')
def photo():
    """Return a picture by the camera of the examples: 640×480, 0.149 m above a floor."""
    camera = dar.Camera(640, 480, 600.0, 600.0, 319.5, 239.5)
    frame = next(iter(journey(3, 1, 1.0, camera, Robot(camera_height_m=0.149))))
    return frame.rgbd.frame.rgb


@pytest.mark.parametrize('page', PYTHON)
def test_the_python_of_a_page_runs(page, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('photo.jpg', photo[..., ::-1])
    names = {}
    for block in PYTHON[page]:
        exec(compile(block.text, page, 'exec'), names)
    if page == 'README.md':
        assert cv2.imread('depth.png').shape == (480, 640, 3)
        assert 0.1 < names['metric'].depth_m[400, 320] < 5.0


def test_the_readme_is_short_and_its_python_has_ten_lines():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert len(text.splitlines()) <= 200
    (block,) = PYTHON['README.md']
    assert len([line for line in block.text.splitlines() if line]) <= 10
    names = re.findall(r'`((?:tiny|depth_anything)_?[a-z0-9_]*)`', text)
    assert len(names) > 5
    assert set(names) - {'depth_anything_ros'} <= set(MODELS)


def test_the_options_of_the_python_page_are_those_of_the_record():
    text = (ROOT / 'docs' / 'python.md').read_text(encoding='utf-8')
    table = text.split('| option | default |')[1].split('\n\n')[0]
    rows = re.findall(r'^\| (.+?) \| (.+?) \|', table, re.M)[1:]
    told = {
        name: ast.literal_eval(default)
        for names, defaults in rows
        for name, default in zip(
            re.findall('`(.+?)`', names), re.findall('`(.+?)`', defaults), strict=True
        )
    }
    # The seed is that of random weights, which are for timing.
    record = {field.name: field.default for field in fields(NetworkOptions)}
    assert told == {name: record[name] for name in record if name not in ('model', 'seed')}


def test_the_costmaps_of_nav2_read_what_the_node_publishes():
    topics = {topic.name: topic.type for topic in node_topics('depth_node') if topic.way == 'out'}
    whole, scan = (
        yaml.safe_load(block.text) for block in blocks('yaml') if block.page == 'nav2.md'
    )
    costmap = whole['local_costmap']['local_costmap']['ros__parameters']
    layers = {'voxel_layer': costmap['voxel_layer'], **scan}
    for layer in layers.values():
        source = layer[layer['observation_sources']]
        name = source['topic'].replace('/depth_node', '~')
        assert topics[name] == f'sensor_msgs/{source["data_type"]}'
        assert source['obstacle_max_range'] < source['raytrace_max_range']
    voxels = costmap['voxel_layer']
    assert all(
        costmap[name]['plugin'].startswith('nav2_costmap_2d::') for name in costmap['plugins']
    )
    # The layer has at most 16 levels, and a source outside of them would mark nothing.
    assert voxels['z_voxels'] <= 16
    source = voxels['depth_points']
    assert 0 < source['min_obstacle_height'] < source['max_obstacle_height']
    assert source['max_obstacle_height'] <= voxels['z_voxels'] * voxels['z_resolution'] + 1e-9


def anchors(text):
    """Return the anchors of a page as GitHub and MkDocs make them of its headings."""
    headings = re.findall(r'^#+ (.+)$', re.sub(r'^```.*?^```$', '', text, flags=re.M | re.S), re.M)
    plain = (re.sub(r'[^\w\s-]', '', heading).strip().lower() for heading in headings)
    return {re.sub(r'[-\s]+', '-', heading) for heading in plain}


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.name)
def test_no_relative_link_is_dead(path):
    for link in LINK.findall(path.read_text(encoding='utf-8')):
        if link.startswith(('https://', 'http://', 'mailto:')):
            continue
        name, _, anchor = link.partition('#')
        target = path.parent / name if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding='utf-8')), link


@pytest.fixture(scope='module')
def hooks():
    spec = importlib.util.spec_from_file_location('hooks', ROOT / 'docs' / 'hooks.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('node', NODE_CONFIGS)
def test_the_site_has_the_tables_of_every_node(hooks, node):
    page = hooks.expand((ROOT / 'docs' / 'nodes.md').read_text(encoding='utf-8'))
    assert f'\n{markdown_table(NODE_CONFIGS[node])}\n' in page
    assert f'\n{topic_table(node)}\n' in page


def test_the_page_of_cameras_says_what_the_presets_do(hooks):
    text = (ROOT / 'docs' / 'cameras.md').read_text(encoding='utf-8')
    page = hooks.expand(text)
    for name, preset in CAMERA_PRESETS.items():
        assert f'\n{preset.driver}\n' in text
        assert f' depth.launch.py camera:={name} model:=tiny' in text
        for topic in preset.topics().values():
            assert f'`/{topic}`' in text
        assert f'| `{name}` | `/{preset.topics()["image"]}` |' in page
        assert preset.source in page


def test_the_page_of_devices_has_a_line_for_each():
    text = (ROOT / 'docs' / 'jetson.md').read_text()
    found = re.findall(r'^\| `(\w+)`', text, re.MULTILINE)
    assert found == ['device', 'auto', *(kind.value for kind in DeviceKind)]


def test_the_site_has_every_verb_with_its_options_and_every_model(hooks):
    commands = hooks.expand((ROOT / 'docs' / 'commands.md').read_text(encoding='utf-8'))
    assert all(f'\n## {name}\n' in commands for name in VERBS)
    assert '| `--parameters` | `NODE` | show the parameters of a node as a table' in commands
    models = hooks.expand((ROOT / 'docs' / 'models.md').read_text(encoding='utf-8'))
    assert all(f'\n| `{name}` |' in models for name in MODELS)
    contract = hooks.expand((ROOT / 'docs' / 'your_network.md').read_text(encoding='utf-8'))
    assert all(f'\n| `{key.path}` | {key.allowed} |' in contract for key in KEYS)
    assert all(f'\n| `{kind.value}` |' in contract for kind in Values)
    protocols = hooks.expand((ROOT / 'docs' / 'protocols.md').read_text(encoding='utf-8'))
    assert all(f'\n| {markdown(name)} |' in protocols for name in PROTOCOLS)
    metrics = hooks.expand((ROOT / 'docs' / 'metrics.md').read_text(encoding='utf-8'))
    assert all(f'\n| `{name}` |' in metrics for name in METRICS if not is_detail(name))
    assert not [path.name for path in PAGES if '<!-- file' in hooks.expand(path.read_text())]


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path):
    pytest.importorskip('mkdocs', reason='mkdocs is not installed; it comes with the extra docs')
    built = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', tmp_path / 'site'],
        cwd=ROOT, env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert built.returncode == 0 and 'WARNING' not in built.stderr, built.stderr
    pages = list((tmp_path / 'site').glob('*.html'))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding='utf-8')
        assert '<!-- parameters' not in text
        assert not re.findall(r'(?:src|<link[^>]* href)="?https?://', text), page.name
