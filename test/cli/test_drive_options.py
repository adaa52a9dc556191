import pytest

from depth_anything_ros.cli.drive_options import drive_seeds
from depth_anything_ros.cli.main import make_parser

VERBS = ['calibrate-uncertainty', 'complete', 'refine', 'scale']


@pytest.mark.parametrize('verb', VERBS)
def test_rooms_are_counted_from_the_first(verb):
    parser = make_parser(verb)
    args = parser.parse_args([verb, '--drives', '3', '--first-drive', '400', '--frames', '2'])
    assert (list(drive_seeds(args)), args.frames) == ([400, 401, 402], 2)
    assert list(drive_seeds(parser.parse_args([verb, '--drives', '1']))) == [0]


@pytest.mark.parametrize('verb', VERBS)
@pytest.mark.parametrize(
    ('option', 'value'), [('--drives', '-1'), ('--frames', '0'), ('--first-drive', '-1')]
)
def test_a_count_out_of_range_is_named(verb, option, value, capsys):
    with pytest.raises(SystemExit) as error:
        make_parser(verb).parse_args([verb, f'{option}={value}'])
    assert error.value.code == 2
    assert f"argument {option}: '{value}' is not a whole number" in capsys.readouterr().err


def test_a_trial_of_drives_alone_needs_one(capsys):
    with pytest.raises(SystemExit):
        make_parser('scale').parse_args(['scale', '--drives', '0'])
    assert "argument --drives: '0' is not a whole number above 0" in capsys.readouterr().err
