"""The viewer: becomes RViz in the frame of the first image."""

import json
import signal
import sys
from pathlib import Path

import pytest
from sensor_msgs.msg import CompressedImage, Image

VIEWER = str(Path(__file__).resolve().parents[2] / 'scripts' / 'viewer')
PROGRAM = """
import json, signal, sys
print(json.dumps([sys.argv[1:], signal.getsignal(signal.SIGINT) is signal.default_int_handler]))
"""


@pytest.mark.parametrize(
    ('transport', 'message_type', 'topic'),
    [('raw', Image, '/cam/image'), ('compressed', CompressedImage, '/cam/image/compressed')],
)
def test_rviz_starts_in_the_frame_of_the_first_image(
    world, tmp_path, transport, message_type, topic
):
    (tmp_path / 'rviz2').write_text(f'#!{sys.executable}\n{PROGRAM}')
    (tmp_path / 'rviz2').chmod(0o755)
    ros = ['--ros-args', '-r', 'image:=/cam/image', '-p', f'image_transport:={transport}']
    rviz = [str(tmp_path / 'rviz2'), '-d', 'a.rviz']
    process = world.run('viewer', [sys.executable, VIEWER, *rviz, *ros])
    probe = world.probe()
    # As cameras do it; what is asked for must not be more.
    publisher = probe.publisher(message_type, topic, best_effort=True)
    probe.await_subscribers(topic)
    assert process.running()
    message = message_type()
    message.header.frame_id = 'front_optical_frame'

    def done():
        publisher.publish(message)
        return not process.running()

    probe.spin_until(done)
    assert process.wait() == 0
    arguments, ends_on_interrupt = json.loads(process.output().splitlines()[-1])
    assert arguments == ['-d', 'a.rviz', '--fixed-frame', 'front_optical_frame', *ros]
    assert ends_on_interrupt


def test_a_viewer_without_images_ends_on_an_interrupt(world):
    ros = ['--ros-args', '-r', 'image:=/nothing']
    process = world.run('viewer', [sys.executable, VIEWER, '/bin/false', *ros])
    probe = world.probe()
    probe.publisher(Image, '/nothing')
    probe.await_subscribers('/nothing')
    process.signal(signal.SIGINT)
    assert process.wait() == 0
