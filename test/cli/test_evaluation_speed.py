"""How much of an evaluation is the network, on an idle machine."""

import re
import shutil

import cv2
import numpy as np
import pytest
from made_pictures import jpeg, scene

from depth_anything_ros.cli.main import main


@pytest.mark.perf
def test_the_smallest_network_runs_most_of_the_time_of_an_evaluation(tmp_path, capsys):
    """All else costs two cores more than the network does, and is done beside it."""
    for name in ('rgb', 'depth'):
        (tmp_path / name).mkdir()
    steps_mm = np.tile(np.linspace(800, 4000, 640).astype(np.uint16), (480, 1))
    (tmp_path / 'rgb' / '000.jpg').write_bytes(jpeg(scene(480, 640)))
    cv2.imwrite(str(tmp_path / 'depth' / '000.png'), steps_mm)
    for number in range(1, 200):
        for name, kind in (('rgb', 'jpg'), ('depth', 'png')):
            folder = tmp_path / name
            shutil.copyfile(folder / f'000.{kind}', folder / f'{number:03d}.{kind}')
    words = ['--model', 'tiny', '--data', f'rgbd_folder:{tmp_path}', '--pictures', '0']
    assert main(['evaluate', *words]) == 0
    (share,) = re.findall(r'a network ran (\d+)% of the time', capsys.readouterr().out)
    assert int(share) >= 75
