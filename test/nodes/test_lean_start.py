"""What a node loads before it is asked for anything: memory, and most of its start."""

import subprocess
import sys

UNNEEDED = {
    'depth_anything_ros.evaluation.metrics', 'huggingface_hub', 'matplotlib', 'onnx',
    'onnxruntime', 'openvino', 'rosbags', 'ruamel', 'safetensors', 'scipy', 'torch',
    'transformers',
}  # fmt: skip


def test_the_depth_node_loads_nothing_that_only_others_need():
    code = "import sys, depth_anything_ros.nodes.depth_node; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & UNNEEDED == set()
