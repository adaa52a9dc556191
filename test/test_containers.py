"""
The containers and workflows name what is there.

No image is built here: what they build on is out of reach. Paths, stages, arguments and
distributions are held to each other, and the scripts run; test/integration/test_compose.py runs
the commands of the services.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / 'docker' / 'Dockerfile'
COMPOSE = ROOT / 'docker' / 'compose.yaml'
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yaml'))
SCRIPTS = [*sorted((ROOT / 'docker').glob('*.sh')), ROOT / '.ci' / 'wheels', ROOT / '.ci' / 'run']
DISTRIBUTIONS = ['humble', 'jazzy', 'kilted', 'lyrical']
SERVICES = yaml.safe_load(COMPOSE.read_text())['services']


def instructions():
    """Return each instruction of the Dockerfile: its name and the rest of it in one line."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith('#')]
    text = '\n'.join(lines).replace('\\\n', ' ')
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def of_kind(*names):
    return [rest for name, rest in instructions() if name in names]


STAGES = {
    found[2]: found[1]
    for rest in of_kind('FROM')
    if (found := re.fullmatch(r'(?:--platform=\S+ )?(\S+) AS (\S+)', rest))
}


def test_every_path_that_is_copied_is_there_and_sent_to_the_builder():
    sent = [
        line[1:] for line in (ROOT / '.dockerignore').read_text().splitlines() if line[0] == '!'
    ]
    assert all((ROOT / name).exists() for name in sent)
    copied = [rest.split()[:-1] for rest in of_kind('COPY') if not rest.startswith('--from')]
    paths = [path for words in copied for path in words]
    assert len(paths) > 5
    for path in paths:
        assert (ROOT / path).exists(), path
        assert path == '.' or path.split('/')[0] in sent, path


def test_stages_stand_on_what_comes_before():
    assert len(STAGES) == len(of_kind('FROM'))
    assert {'cpu', 'cuda', 'jetson'} <= set(STAGES)
    known = set()
    for stage, base in STAGES.items():
        assert base in known or base.startswith('$') or ':' in base, stage
        known.add(stage)
    sources = [
        rest.split()[0].removeprefix('--from=') for rest in of_kind('COPY') if '--from' in rest
    ]
    assert set(sources) == {'network', 'build'}


def test_no_target_runs_as_root():
    last = {}
    for name, rest in instructions():
        if name == 'FROM':
            stage = rest.split()[-1]
        elif name == 'USER':
            last[stage] = rest
    assert last == dict.fromkeys(('cpu', 'cuda', 'jetson'), '$UID')


def test_whatever_runs_onnx_runtime_has_onnx_beside_it():
    runs = [rest.split() for rest in of_kind('RUN') if 'pip_install.sh' in rest]
    assert len(runs) == 4
    assert all('onnx' in words for words in runs)
    conda = (ROOT / 'pixi.toml').read_text()
    assert re.search(r'^onnxruntime = ', conda, re.MULTILINE)
    assert re.search(r'^onnx = ', conda, re.MULTILINE)


def test_the_services_give_arguments_that_exist():
    arguments = {rest.partition('=')[0] for rest in of_kind('ARG')}
    for service in SERVICES.values():
        assert set(service['build']['args']) <= arguments
        assert (COMPOSE.parent / service['build']['context']).resolve() == ROOT
        assert (ROOT / service['build']['dockerfile']) == DOCKERFILE
        default = re.fullmatch(r'\$\{TARGET:-(\w+)\}', service['build']['target'])
        assert default[1] in STAGES
        assert service['read_only']


def test_the_evaluator_has_as_long_for_its_report_as_by_the_launch_file():
    (limit_s,) = re.findall(
        r"sigterm_timeout='(\d+)'", (ROOT / 'launch/evaluate.launch.py').read_text()
    )
    assert SERVICES['evaluator'].get('stop_grace_period') == f'{limit_s}s'


def test_workflows_and_documents_name_the_same_distributions():
    for path in WORKFLOWS:
        jobs = yaml.safe_load(path.read_text())['jobs']
        matrices = [job['strategy']['matrix'] for job in jobs.values() if 'strategy' in job]
        named = [matrix['distribution'] for matrix in matrices if 'distribution' in matrix]
        assert named == [DISTRIBUTIONS], path
    words = f'# {", ".join(DISTRIBUTIONS[:-1])} or {DISTRIBUTIONS[-1]}.'
    assert words in DOCKERFILE.read_text()
    rows = re.findall(
        r'^\| \*{0,2}(\w+)\*{0,2} \|', (ROOT / 'docs/install.md').read_text(), re.MULTILINE
    )
    assert [row.lower() for row in rows if row.lower() in DISTRIBUTIONS] == DISTRIBUTIONS
    assert ', '.join(DISTRIBUTIONS[:-1]).title() in (ROOT / 'README.md').read_text()


def test_workflows_name_pythons_that_wheels_are_looked_for():
    jobs = yaml.safe_load((ROOT / '.github/workflows/test.yaml').read_text())['jobs']
    pythons = re.search(r'pythons=\((.*)\)', (ROOT / '.ci/wheels').read_text())
    assert jobs['python']['strategy']['matrix']['python'] == pythons[1].split()


def test_workflows_run_files_that_exist():
    for path in WORKFLOWS:
        text = path.read_text()
        named = re.findall(
            r'(?<![\w/])(?:\./dev|(?:test|docker|requirements|\.ci)/[\w./*]+)', text
        )
        assert named, path
        for name in named:
            assert list(ROOT.glob(name.removeprefix('./'))), f'{path.name}: {name}'


def test_every_launch_file_is_looked_for_as_a_user_does():
    text = (ROOT / '.github/workflows/test.yaml').read_text()
    named = re.search(r'for file in ([\w ]+); do\n\s+ros2 launch', text)
    files = sorted((ROOT / 'launch').glob('*.launch.py'))
    assert named[1].split() == [file.name.partition('.')[0] for file in files]


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_a_script(script):
    assert os.access(script, os.X_OK)
    checked = subprocess.run(['bash', '-n', script], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, '')


@pytest.mark.parametrize(
    'command',
    [
        ['hadolint', DOCKERFILE],
        ['shellcheck', '--severity', 'warning', *SCRIPTS],
        ['yamllint', '--strict', '.github', 'docker'],
        ['docker-compose', '-f', COMPOSE, 'config', '--quiet'],
    ],
    ids=lambda command: command[0],
)
def test_a_linter_has_nothing_to_say(command):
    if shutil.which(command[0]) is None:
        pytest.skip(f'no {command[0]} here; requirements/containers.txt has it')
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, '')


def test_the_entrypoint_runs_a_command_with_both_sourced(tmp_path):
    for name in ('setup', 'local_setup'):
        # Those of ROS 2 read unset variables, and the words they are given.
        text = f'export SEEN="${{SEEN}}{name} $* $UNSET "\n'
        (tmp_path / f'{name}.bash').write_text(text)
    done = subprocess.run(
        [ROOT / 'docker/entrypoint.sh', 'bash', '-c', 'echo "$SEEN|$1"; exit 3', 'x', 'two words'],
        env={'PATH': os.environ['PATH'], 'ROS_PREFIX': tmp_path, 'PACKAGE_PREFIX': tmp_path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, '')
    assert done.stdout.split('|') == ['setup --  local_setup --  ', 'two words\n']


@pytest.mark.parametrize(
    ('words', 'calls'),
    [
        (['none', 'a', 'b'], [['pip', 'install', '-c', 'a', 'b']]),
        (
            ['cpu'],
            [
                ['pip', 'install', 'uv'],
                ['uv', 'pip', 'install', '--torch-backend', 'cpu', '-c', 'torch', 'safetensors',
                 'huggingface_hub'],
            ],
        ),
    ],
)  # fmt: skip
def test_pip_installs_at_the_versions_that_are_tested(tmp_path, words, calls):
    python = tmp_path / 'python3'
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / 'docker/pip_install.sh', *words],
        env={'PATH': f'{tmp_path}:{os.environ["PATH"]}'}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()]
    options = {'-m', '--no-cache-dir', '--no-cache', '--system', '--break-system-packages'}
    files = [word for line in lines for word in line if word.endswith('.txt')]
    assert [Path(file).resolve() for file in files] == [ROOT / 'requirements/common.txt']
    assert [[w for w in line if w not in options and w not in files] for line in lines] == calls
