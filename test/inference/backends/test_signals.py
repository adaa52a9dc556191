"""What happens to the signals of a process that changes its network."""

import subprocess
import sys

import pytest

CHANGES_THE_NETWORK = """
import signal, sys, threading
import numpy as np
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.opening import create_predictor

rgb = np.zeros((64, 64, 3), np.uint8)
signal.signal(signal.SIGINT, lambda *_: print('handled', flush=True))
options = NetworkOptions('tiny', backend=sys.argv[1], precision='fp32', device='cpu',
                         input_size=64, threads=1, cache_dir=sys.argv[2])
predictors = [create_predictor(options)]
predictors[0].predict(rgb)
thread = threading.Thread(target=predictors.clear)  # as when a node changes its model
thread.start()
thread.join()
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize(
    'backend', ['torch', pytest.param('openvino', marks=pytest.mark.slow), 'onnxruntime']
)
def test_signal_after_the_network_was_dropped_by_another_thread_is_handled(backend, tmp_path):
    pytest.importorskip(backend)
    command = [sys.executable, '-c', CHANGES_THE_NETWORK, backend, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout) == (0, 'handled\n'), run.stderr
