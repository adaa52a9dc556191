"""Which diagnostics make a node unwell, and how long to wait for them."""

import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is installed')

from diagnostic_msgs.msg import DiagnosticStatus

from depth_anything_ros.nodes.health_check import main, unwell


@pytest.mark.parametrize(
    ('level', 'word', 'strict', 'well'),
    [
        (DiagnosticStatus.OK, 'OK', True, True),
        (DiagnosticStatus.WARN, 'WARN', False, True),
        (DiagnosticStatus.WARN, 'WARN', True, False),
        (DiagnosticStatus.ERROR, 'ERROR', False, False),
        (DiagnosticStatus.STALE, 'STALE', False, False),
        (b'\x09', "b'\\t'", False, False),
    ],
)
def test_the_level_decides(level, word, strict, well):
    status = DiagnosticStatus(name='depth_node', level=level, message='so it is')
    said = unwell([status], strict)
    assert said == ([] if well else [f'depth_node: {word}, so it is'])


@pytest.mark.parametrize('text', ['0', '-1', 'nan', '601', 'soon'])
def test_a_timeout_that_is_none_is_wrong_usage(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['health_check', f'--timeout={text}'])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err
