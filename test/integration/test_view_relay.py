"""The verb `view` of live topics: publishers, the node that passes messages on, the file."""

import signal
import sys

import numpy as np
import pytest
from node_world import floats

rr = pytest.importorskip('rerun', reason='rerun is not installed; it comes with the extra view')

PROGRAM = [sys.executable, '-m', 'depth_anything_ros.cli.main', 'view']


def view(world, tmp_path, *options):
    return world.run('view', [*PROGRAM, '--save', str(tmp_path / 'live.rrd'), *options])


@pytest.mark.slow
def test_live_topics_are_shown_whole_at_the_rate_asked_for(world, tmp_path, camera):
    process = view(world, tmp_path, '--rate', '5', '--frames', '3')
    probe = world.probe()
    depth_m = np.tile(np.linspace(1, 2, 64, dtype=np.float32), (48, 1))

    def publish():
        image = camera.image()
        info = camera.info()
        info.header = image.header
        probe.publish('/cam/image_raw', image)
        probe.publish('/cam/camera_info', info)
        probe.publish('/depth_node/depth/image_raw', floats(image, depth_m))
        probe.publish('/depth_node/depth/camera_info', info)
        probe.publish('/depth_node/preview/image_raw', image)
        # Faster than it is taken, each topic would lose messages of its own.
        probe.spin(0.15)
        return not process.running()

    probe.spin_until(publish)
    assert process.wait() == 0, process.output()
    assert 'depth              /depth_node/depth/image_raw' in process.output()
    recording = rr.dataframe.load_recording(tmp_path / 'live.rrd')
    lens = '/world/depth_camera/lens/depth'
    table = recording.view(index='stamp_ns', contents='/world/**').select(
        'stamp_ns', f'{lens}:ImageBuffer', '/world/depth_camera/points:Position3D',
        '/world/camera/lens/image:Blob',
    ).read_all()  # fmt: skip
    columns = [table.column(index).to_pylist() for index in range(1, 4)]
    stamps = table.column(0).cast('int64').to_pylist()
    frames = [(time, *row) for time, *row in zip(stamps, *columns, strict=True) if row[0]]
    assert len(frames) == 3
    assert len({time // 200_000_000 for time, *_ in frames}) == 3
    # The first may be without, as its calibration comes after it.
    for _, buffer, points, blob in frames[1:]:
        shown_mm = np.array(buffer[0], np.uint8).view(np.uint16).reshape(48, 64)
        assert np.abs(shown_mm - 1000 * depth_m).max() <= 0.5
        assert len(points) == 24 * 32 and bytes(blob[0][:2]) == b'\xff\xd8'


@pytest.mark.slow
def test_without_topics_it_ends_and_says_what_there_is(world, tmp_path, camera):
    probe = world.probe()
    process = view(world, tmp_path, '--image', '/cam/image')
    probe.publisher(type(camera.image()), '/other/image')
    probe.spin_until(lambda: not process.running())
    assert process.wait() == 1
    assert "has no topic '/cam/image' that can be the image; known: /other/image" in (
        process.output()
    )
    assert not (tmp_path / 'live.rrd').exists()


@pytest.mark.slow
def test_an_interrupt_ends_a_view_and_leaves_the_file_whole(world, tmp_path, camera):
    process = view(world, tmp_path, '--rate', '0')
    probe = world.probe()

    def shown():
        probe.publish('/cam/image_raw', camera.image())
        return 'image              /cam/image_raw' in process.output()

    probe.spin_until(shown)

    def written():
        probe.publish('/cam/image_raw', camera.image())
        probe.spin(0.05)
        return sum(path.stat().st_size for path in tmp_path.glob('*live*')) > 50_000

    probe.spin_until(written)
    process.signal(signal.SIGINT)
    assert process.wait() == 0, process.output()
    recording = rr.dataframe.load_recording(tmp_path / 'live.rrd')
    view_ = recording.view(index='stamp_ns', contents='/world/camera/lens/image')
    assert view_.select('stamp_ns').read_all().num_rows >= 2
