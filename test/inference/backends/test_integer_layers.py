"""Layers that multiply integers give what integers give, on this processor and on lesser ones."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import integer_layers
import pytest

BACKENDS = [name for name in ('openvino', 'onnxruntime') if find_spec(name)]
HELD = ('AVX2', pytest.param('AVX512_CORE', marks=pytest.mark.slow))


def check(found):
    """
    Check that a backend multiplies the integers that it was given.

    It may round what a layer reads to the other side where torch's floats differ in the last
    bits, or in ranges of its own: at worst two roundings that know nothing of each other, each
    of whose errors has the energy that a single one adds.
    """
    for backend, errors in found.items():
        assert set(errors) == set(integer_layers.CASES)
        for case, (error, rounding) in errors.items():
            assert 1e-5 < rounding < 1e-2, (backend, case)
            assert error < 2 * rounding, (backend, case)


def test_integers_are_multiplied_as_they_are():
    check(integer_layers.all_errors(BACKENDS))


@pytest.mark.parametrize('held', HELD)
def test_integers_are_multiplied_as_they_are_without_vnni(held):
    # oneDNN, which OpenVINO multiplies with, reads the variable once in a process. ONNX Runtime
    # does not read it: there the network for such a processor runs on this one.
    done = subprocess.run(
        [sys.executable, integer_layers.__file__, *BACKENDS],
        env={**os.environ, 'ONEDNN_MAX_CPU_ISA': held},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))
