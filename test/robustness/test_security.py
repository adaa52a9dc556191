"""What must not stand in the source, whoever writes it next; see SECURITY.md."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import depth_anything_ros

PACKAGE = Path(depth_anything_ros.__file__).parent
RUNNING = {
    'eval', 'exec', '__import__', 'os.system', 'os.popen', 'pickle.load', 'pickle.loads',
    'yaml.load', 'yaml.unsafe_load', 'yaml.full_load',
}  # fmt: skip
# It looks which ports of this machine are taken, and sends nothing.
LOOKING = {'cli/processes.py': ['socket']}
CONNECTING = {'socket', 'urllib', 'urllib3', 'requests', 'httpx', 'aiohttp', 'ftplib'}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f'{dotted(node.value)}.{node.attr}'
    return node.id if isinstance(node, ast.Name) else ''


def keyword(call: ast.Call, name: str) -> object:
    found = [item.value for item in call.keywords if item.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


def connects(module: str) -> bool:
    return module.split('.')[0] in CONNECTING and module != 'urllib.parse'


def faults(source: str) -> list[str]:
    """Return what a source does that it must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [item.name for item in node.names if connects(item.name)]
        if isinstance(node, ast.ImportFrom) and connects(node.module or ''):
            found.append(str(node.module))
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in RUNNING:
            found.append(name)
        if name.startswith('subprocess.') and keyword(node, 'shell') not in (None, False):
            found.append(f'{name} in a shell')
        if name == 'torch.load' and keyword(node, 'weights_only') is not True:
            found.append('torch.load without weights_only=True')
        if name in ('np.load', 'numpy.load') and keyword(node, 'allow_pickle') is not False:
            found.append('np.load without allow_pickle=False')
    return found


def test_no_source_runs_what_it_reads_or_connects_by_itself():
    found = {
        str(path.relative_to(PACKAGE)): faults(path.read_text(encoding='utf-8'))
        for path in PACKAGE.rglob('*.py')
    }
    assert len(found) > 200
    assert {path: what for path, what in found.items() if what} == LOOKING


@pytest.mark.parametrize(
    'source',
    [
        'eval(text)',
        'import pickle; pickle.loads(data)',
        'import os; os.system(command)',
        'import subprocess; subprocess.run(command, shell=True)',
        'import torch; torch.load(path)',
        'import torch; torch.load(path, weights_only=False)',
        'import numpy as np; np.load(path, allow_pickle=True)',
        'import urllib.request',
        'from socket import socket',
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert len(faults(source)) == 1


def test_no_connection_is_made_once_the_model_is_there(tmp_path):
    """Load and run a model that is there, in a process in which no connection can be made."""
    program = textwrap.dedent("""
        import socket
        import numpy as np

        asked = []

        def connect(self, address, *rest):
            if self.family != socket.AF_UNIX:
                asked.append(address)
                raise OSError('no network')
            return real(self, address, *rest)

        real = socket.socket.connect
        socket.socket.connect = connect
        socket.getaddrinfo = lambda *args, **kwargs: asked.append(args) or []
        from depth_anything_ros.inference.options import NetworkOptions
        from depth_anything_ros.inference.opening import create_predictor

        predictor = create_predictor(
            NetworkOptions('tiny', backend='torch', cache_dir='cache')
        )
        values = predictor.predict(np.zeros((48, 64, 3), np.uint8)).values
        assert values.shape == (48, 64)
        print('asked', asked)
    """)
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == 'asked []'
