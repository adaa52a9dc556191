"""Messages name what the user of a verb can give."""

import subprocess
import sys

import pytest

from depth_anything_ros.cli import words
from depth_anything_ros.cli.main import EXIT_UNREAD, main


@pytest.fixture
def speak():
    yield words.speak_of
    words.speak_of(())


@pytest.mark.parametrize(
    ('options', 'text', 'told'),
    [
        (
            ('checkpoint', 'weights'),
            'give checkpoint:=FILE, or take weights:=random, for timing only',
            'give --checkpoint FILE, or take --weights random, for timing only',
        ),
        (('init',), 'give checkpoint:=FILE', 'give --init FILE'),
        (
            ('weights',),
            "parameter 'weights': unknown value 'x'; known: random",
            "--weights unknown value 'x'; known: random",
        ),
        (
            ('weights', 'checkpoint'),
            "parameters 'weights' (random) and 'checkpoint' (a.pth) exclude each other",
            '--weights (random) and --checkpoint (a.pth) exclude each other',
        ),
        (('edge_filter_px',), "parameter 'edge_filter_px': 99", '--edge-filter-px 99'),
        # Words of the node that no option of the verb says stay.
        (('weights',), 'play the bag with restamp:=true', 'play the bag with restamp:=true'),
    ],
)
def test_parameters_of_the_node_become_options_of_the_verb(speak, options, text, told):
    speak(options)
    assert words.in_words_of_the_cli(text) == told


def test_a_verb_names_its_own_options(capsys):
    arguments = ['--model', 'tiny', '--data', 'simulator:5:1:64x48', '--weights', 'random']
    assert main(['evaluate', *arguments, '--checkpoint', 'a.pth']) == 1
    error = capsys.readouterr().err
    assert '--weights (random) and --checkpoint (a.pth) exclude each other' in error
    assert 'parameter' not in error


@pytest.mark.parametrize('arguments', [['info'], ['--help'], ['train', '--help'], ['--version']])
def test_a_reader_that_leaves_ends_a_verb_quietly(arguments):
    script = (
        'exec 3>&1; { "$0" -m depth_anything_ros.cli.main "$@"; echo "status $?" >&3; } | true; '
    )
    # The reader is gone before the program writes.
    done = subprocess.run(
        ['bash', '-c', f'set -o pipefail; {script}', sys.executable, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ''
    # argparse keeps to itself that nobody read its help.
    helped = '--help' in arguments
    assert done.stdout in {f'status {EXIT_UNREAD}\n', *(['status 0\n'] if helped else [])}
