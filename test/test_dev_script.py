"""What `./dev` says before it sets anything up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parents[1] / 'dev'


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != 'ROS_DISTRO'}
    return subprocess.run(
        [DEV, *arguments], capture_output=True, text=True, timeout=20, env=environment
    )


def test_help_names_every_command():
    answer = dev('--help')
    assert answer.returncode == 0
    for command in (
        'demo', 'test', 'lint', 'docs', 'run', 'bench', 'results', 'networks', 'setup', 'clean',
    ):  # fmt: skip
        assert f'\n  {command} ' in answer.stdout


def test_no_command_shows_the_help_as_misuse():
    answer = dev()
    assert answer.returncode == 2
    assert 'usage: ./dev' in answer.stdout


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['deploy'], "unknown command 'deploy'; known: demo, test, lint"),
        (['test', '--ros', 'foxy'], "unknown ROS 2 'foxy'; known: kilted, jazzy, system"),
        (['test', '--ros'], '--ros needs kilted, jazzy or system'),
    ],
)
def test_misuse_names_what_is_known(arguments, message):
    answer = dev(*arguments)
    assert answer.returncode == 2
    assert message in answer.stderr


def test_with_a_sourced_ros_its_python_is_taken_whichever_it_is(tmp_path):
    shutil.copy(DEV, tmp_path / 'dev')
    # Stands in for the interpreter of ROS 2 Lyrical, up to the environment that it cannot make.
    (tmp_path / 'bin').mkdir()
    python = tmp_path / 'bin' / 'python3'
    python.write_text(
        '#!/bin/sh\ncase "$*" in\n  *--version) echo Python 3.14.0 ;;\n'
        '  *venv*) echo "$*" >&2; exit 1 ;;\n  *sys.version_info*) exit 1 ;;\nesac\n'
    )
    python.chmod(0o755)
    answer = subprocess.run(
        [tmp_path / 'dev', 'setup'],
        capture_output=True,
        text=True,
        timeout=20,
        env={'ROS_DISTRO': 'lyrical', 'PATH': f'{python.parent}:{os.environ["PATH"]}'},
    )
    assert answer.returncode == 1
    assert 'making .venv-system with Python 3.14.0' in answer.stderr
    # What apt has for Python is needed by the ROS 2 that it has.
    assert '-m venv --clear --system-site-packages' in answer.stderr
    assert 'python3 cannot make virtual environments' in answer.stderr


def test_system_ros_that_is_not_sourced_is_told():
    answer = dev('test', '--ros', 'system')
    assert answer.returncode == 1
    assert 'no ROS 2 is sourced' in answer.stderr
