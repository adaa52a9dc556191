import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from depth_anything_ros.cli import console, main
from depth_anything_ros.cli.main import VERBS, Verb
from depth_anything_ros.errors import DatasetError, DepthAnythingError
from depth_anything_ros.table import Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verb(monkeypatch):
    """Return the module of a verb `probe` whose `run` each test sets."""
    module = SimpleNamespace(
        add_arguments=lambda parser: parser.add_argument('--number', type=int, default=1),
        run=lambda _: 0,
    )
    monkeypatch.setitem(sys.modules, 'probe_verb', module)
    monkeypatch.setitem(VERBS, 'probe', Verb('probe_verb', 'do nothing'))
    return module


def raising(error):
    def run(args):
        raise error

    return run


@pytest.mark.parametrize('name', list(VERBS))
def test_every_verb_answers_help(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main([name, '--help'])
    assert exit_.value.code == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize('name', list(VERBS))
def test_every_verb_offers_arguments_and_run(name):
    module = importlib.import_module(VERBS[name].module)
    module.add_arguments(argparse.ArgumentParser())
    assert callable(module.run)


@pytest.mark.parametrize('name', list(VERBS))
def test_paths_of_every_verb_know_the_home_folder(name, monkeypatch):
    monkeypatch.setenv('HOME', '/home/of_a_test')
    parser = argparse.ArgumentParser()
    importlib.import_module(VERBS[name].module).add_arguments(parser)
    read = [action.type for action in parser._actions if callable(action.type)]
    assert Path not in read
    for one in read:
        try:
            found = one('~/file')
        except (argparse.ArgumentTypeError, ValueError, DepthAnythingError):
            continue  # it reads something else
        if isinstance(found, Path):
            assert found == Path('/home/of_a_test/file')


def test_a_path_that_none_can_be_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(['compare', '~no_such_user/run', 'b'])
    assert exit_.value.code == 2
    assert "'~no_such_user/run': this user has no home folder" in capsys.readouterr().err


def test_help_names_every_verb(capsys):
    with pytest.raises(SystemExit):
        main.main(['--help'])
    text = capsys.readouterr().out
    assert all(f'\n    {name}' in text for name in VERBS)


def test_help_and_version_import_nothing_heavy():
    script = (
        'import sys\n'
        'from depth_anything_ros.cli.main import main\n'
        'try: main(sys.argv[1:])\n'
        'except SystemExit: pass\n'
        'heavy = {"numpy", "torch", "cv2", "tqdm", "rosbags", "openvino"} & set(sys.modules)\n'
        'sys.exit(", ".join(heavy) or 0)\n'
    )
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    for option in ('--help', '--version'):
        answer = subprocess.run(
            [sys.executable, '-c', script, option], env=environment, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr
        assert 'depth_anything_ros' in answer.stdout


def test_the_options_of_every_verb_need_no_torch():
    script = (
        'import sys\n'
        'from depth_anything_ros.cli.main import VERBS, make_parser\n'
        'for name in VERBS:\n'
        '    make_parser(name)\n'
        '    if "torch" in sys.modules: sys.exit(name)\n'
    )
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    answer = subprocess.run(
        [sys.executable, '-c', script], env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def test_status_of_the_verb_is_returned(verb):
    verb.run = lambda args: args.number
    assert main.main(['probe', '--number', '5']) == 5


def test_known_error_is_one_line_and_status_one(verb, capsys):
    verb.run = raising(DatasetError('no bag at\n  /nowhere'))
    assert main.main(['probe']) == 1
    assert capsys.readouterr().err == 'depth_anything_ros: error: no bag at /nowhere\n'


def test_file_system_error_is_one_line_and_status_one(verb, capsys):
    verb.run = raising(PermissionError(13, 'Permission denied', '/srv/x'))
    assert main.main(['probe']) == 1
    assert capsys.readouterr().err.count('\n') == 1


def test_unexpected_error_keeps_its_traceback(verb):
    verb.run = raising(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main.main(['probe'])


def test_interrupt_is_status_130(verb):
    verb.run = raising(KeyboardInterrupt())
    assert main.main(['probe']) == 130


def test_termination_is_status_143_and_leaves_the_work_as_an_interrupt_does(verb, capsys):
    left = []

    def work(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            left.append('in order')
            raise

    verb.run = work
    assert main.main(['probe']) == 143
    assert left == ['in order']
    assert capsys.readouterr().err == 'depth_anything_ros: error: terminated\n'
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize('arguments', [[], ['no_verb'], ['probe', '--no-option']])
def test_wrong_usage_is_status_2(verb, arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(arguments)
    assert exit_.value.code == 2
    assert 'usage:' in capsys.readouterr().err


def test_json_is_written_with_its_folders(tmp_path):
    path = tmp_path / 'a' / 'b.json'
    console.write_json(path, {'p50_ms': 1.5, 'name': 'é'})
    assert json.loads(path.read_text(encoding='utf-8')) == {'p50_ms': 1.5, 'name': 'é'}


def test_json_without_a_file_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    console.write_json(None, {'a': 1})
    assert not list(tmp_path.iterdir())


def test_json_refuses_not_a_number(tmp_path):
    with pytest.raises(ValueError, match='JSON'):
        console.write_json(tmp_path / 'a.json', {'p50_ms': float('nan')})
    assert not (tmp_path / 'a.json').exists()


def test_table_columns_line_up(capsys):
    console.write_table(Table(['name', 'ms'], [['a', '1.5'], ['long', '10.5']]))
    assert capsys.readouterr().out.splitlines() == ['name  ms', 'a      1.5', 'long  10.5']


def test_progress_passes_items_through():
    assert list(console.progress([1, 2, 3], 3, 'items')) == [1, 2, 3]


PROGRAM = [sys.executable, '-m', 'depth_anything_ros.cli.main']


def shell(command, **environment):
    return subprocess.run(
        ['bash', '-c', command.replace('PROGRAM', ' '.join(PROGRAM))],
        capture_output=True, text=True, timeout=200, env={**os.environ, **environment},
    )  # fmt: skip


def test_closed_streams_change_neither_work_nor_exit_code(tmp_path):
    for closed in ('>&-', '>&- 2>&-'):
        answer = tmp_path / 'answer.json'
        ended = shell(f'PROGRAM info --json {answer} {closed}')
        # On a busy machine it tells how far it is.
        said = [line for line in ended.stderr.splitlines() if not line.startswith('info: ')]
        assert (ended.returncode, said) == (0, [])
        assert json.loads(answer.read_text())
        answer.unlink()


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path):
    command = f'PROGRAM simulate {tmp_path}/ünï --frames 1 --size 64x48'
    ended = shell(command, PYTHONIOENCODING='ascii')
    assert (ended.returncode, 'Traceback' in ended.stderr) == (0, False)
    assert ended.stdout == f'{tmp_path}/\\xfcn\\xef: 1 frames of 64x48\n'


def test_a_full_disk_behind_the_standard_output_is_told_once():
    ended = shell('PROGRAM info > /dev/full')
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "depth_anything_ros: error: cannot write 'standard output': No space left on device; "
        'make room there or choose another place'
    ]


def test_an_answer_on_the_standard_output_stands_there_alone(capfd):
    assert main.main(['info', '--json', '-']) == 0
    shown = capfd.readouterr()
    assert 'models' in json.loads(shown.out)
    assert 'depth_anything_v2_vits' in shown.err
    assert not Path('-').exists()
