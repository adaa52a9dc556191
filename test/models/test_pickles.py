"""Pickles: none where torch would execute them, and none that takes more than its size."""

import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.lab.training.checkpoint import LAST, load_run
from depth_anything_ros.models.local_file import LARGEST_BYTES, local_file
from depth_anything_ros.models.pickles import pickles_are_safe
from depth_anything_ros.models.state_file import read_state

STATE = {'a': torch.ones(4)}


@pytest.mark.parametrize(
    ('version', 'safe'),
    [('2.2.0', False), ('2.5.1+cu121', False), ('2.6.0a0+ecf3bae40a.nv25.01', False),
     ('2.6.0', True), ('2.6.0+cpu', True), ('2.13.0+cpu', True), ('3.0.0', True)],
)  # fmt: skip
@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.bin', '.ckpt'])
def test_pickles_are_refused_where_torch_would_execute_them(
    tmp_path, monkeypatch, version, safe, suffix
):
    path = tmp_path / f'w{suffix}'
    torch.save(STATE, path)
    monkeypatch.setattr(torch, '__version__', version)
    assert pickles_are_safe() is safe
    if safe:
        assert torch.equal(read_state(path)['a'], STATE['a'])
        return
    monkeypatch.setattr(torch, 'load', lambda *_, **__: pytest.fail('a pickle was opened'))
    with pytest.raises(CheckpointError) as error:
        read_state(path)
    for words in (str(path), version, 'CVE-2025-32434', 'install torch 2.6', 'safetensors'):
        assert words in str(error.value)


def test_safetensors_stay_with_an_old_torch(tmp_path, monkeypatch):
    path = tmp_path / 'w.safetensors'
    save_file(STATE, path)
    monkeypatch.setattr(torch, '__version__', '2.2.0')
    assert torch.equal(read_state(path)['a'], STATE['a'])


def test_run_is_not_resumed_where_torch_would_execute_it(tmp_path, monkeypatch):
    torch.save({'format': 1}, tmp_path / LAST)
    assert load_run(tmp_path) == {'format': 1}
    monkeypatch.setattr(torch, '__version__', '2.5.1')
    with pytest.raises(CheckpointError, match='CVE-2025-32434'):
        load_run(tmp_path)


def test_package_opens_pickles_in_one_place_only():
    package = Path(sys.modules['depth_anything_ros'].__file__).parent
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob('*.py')
        if any(
            word in path.read_text() for word in ('torch.load(', 'pickle.load', 'allow_pickle=T')
        )
    ]
    assert found == ['models/pickles.py']


class Call:
    """Calls something when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> object:
        return self.call


@pytest.mark.parametrize('protocol', [2, 4])
def test_nothing_in_a_pickle_is_executed(tmp_path, protocol):
    trace = tmp_path / 'trace'
    plain = tmp_path / 'plain.pth'
    plain.write_bytes(pickle.dumps({'a': Call(Path.touch, trace)}, protocol=protocol))
    zipped = tmp_path / 'zipped.pth'
    torch.save({'a': Call(Path.touch, trace)}, zipped)
    for path in (plain, zipped):
        with pytest.raises(CheckpointError, match='damaged or not a checkpoint'):
            read_state(path)
    assert not trace.exists()


def repacked(source: Path, target: Path, kind: int, **replaced: bytes) -> Path:
    """Return the archive written again, some of its entries replaced, in another compression."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w', kind) as new:
        for name in old.namelist():
            new.writestr(name, replaced.get(name.rpartition('/')[2], old.read(name)))
    return target


def hostile(folder: Path) -> dict[str, Path]:
    """Return files that ask for far more memory than they have bytes."""
    plain = folder / 'plain.pth'
    torch.save({'a': torch.zeros(1 << 22)}, plain)
    made = {name: folder / f'{name}.pth' for name in ('expanded', 'called', 'array', 'sparse')}
    torch.save({'a': torch.zeros(1).half().expand(1 << 16, 1 << 16)}, made['expanded'])
    torch.save({'a': Call(torch.Tensor, 1 << 15, 1 << 15)}, made['called'])
    torch.save({'a': Call(bytearray, 1 << 32)}, made['array'])
    made['first_format'] = folder / 'first_format.pth'
    torch.save(
        {'a': Call(bytearray, 1 << 32)},
        made['first_format'],
        _use_new_zipfile_serialization=False,
    )
    indices = torch.zeros(2, 1, dtype=torch.int64)
    big = torch.sparse_coo_tensor(indices, torch.ones(1), (1 << 16, 1 << 16))
    torch.save({'a': big}, made['sparse'])
    made['deflated'] = repacked(plain, folder / 'deflated.pth', zipfile.ZIP_DEFLATED)
    made['cut'] = repacked(plain, folder / 'cut.pth', zipfile.ZIP_STORED, **{'0': b'\0' * 8})
    for name, header in {
        'length': struct.pack('<Q', 1 << 40) + b'{}',
        'shape': b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}',
        'overflow': b'{"a":{"dtype":"F32","shape":[4294967296,4294967297],"data_offsets":[0,4]}}',
        'outside': b'{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}',
        'deep': b'{"__metadata__":' + b'[' * 100_000,
        'odd': b'{"__metadata__":{"a":3}}',
        'list': b'[]',
        'type': b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}',
    }.items():
        made[name] = folder / f'{name}.safetensors'
        length = b'' if name == 'length' else struct.pack('<Q', len(header))
        made[name].write_bytes(length + header + b'\0' * 4)
    return made


def test_hostile_files_are_refused_in_one_line_and_take_no_memory(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, path in hostile(tmp_path).items():
        with pytest.raises(CheckpointError) as error:
            read_state(path)
        assert str(path) in str(error.value), name
        assert '\n' not in str(error.value), name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_file_larger_than_any_model_is_not_opened(tmp_path):
    path = tmp_path / 'large.safetensors'
    with path.open('wb') as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(CheckpointError, match=f'has {LARGEST_BYTES + 1} bytes; allowed'):
        local_file(str(path))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a' * 5000 + '.pth', f"checkpoint '{'a' * 200}…' cannot be reached: File name too long"),
        ('a\0b.pth', 'cannot be reached: '),
        ('~nobody-of-this-name/a.pth', 'cannot be reached: '),
        ('/dev/null', "checkpoint '/dev/null' is not a regular file"),
        ('/etc/passwd/a.pth', 'does not exist'),
    ],
)
def test_path_that_leads_nowhere_is_refused(text, message):
    with pytest.raises(CheckpointError, match=message):
        local_file(text)


def test_loop_of_links_is_refused(tmp_path):
    path = tmp_path / 'loop.pth'
    path.symlink_to(path)
    with pytest.raises(CheckpointError, match='cannot be reached: Too many levels'):
        local_file(str(path))


@pytest.mark.parametrize(
    ('name', 'content', 'what'),
    [
        ('a.pth', b'', 'it is empty'),
        ('a.safetensors', b'', 'it is empty'),
        ('a.pth', b'version https://git-lfs.github.com/spec/v1\n', 'a pointer of Git LFS; run'),
        ('a.safetensors', b'<!DOCTYPE html><html>', 'it is a web page; download the file itself'),
    ],
)
def test_file_that_is_something_else_is_told_what(tmp_path, name, content, what):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=what):
        read_state(path)


def test_file_with_the_suffix_of_the_other_kind_is_told_so(tmp_path):
    save_file(STATE, tmp_path / 'a.pth')
    torch.save(STATE, tmp_path / 'a.safetensors')
    with pytest.raises(CheckpointError, match=r"a safetensors file; let its name end in '\.safe"):
        read_state(tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r"file of torch\.save; let its name end in '\.pth'"):
        read_state(tmp_path / 'a.safetensors')


def test_meaning_of_a_checkpoint_is_found_without_torch():
    code = (
        'import sys; from depth_anything_ros.models.meaning import spec_of_checkpoint; '
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_pickle_of_another_program_is_refused_without_warnings(tmp_path, recwarn):
    path = tmp_path / 'w.pth'
    path.write_bytes(pickle.dumps({'a': Path}, protocol=4))
    with pytest.raises(CheckpointError, match='damaged or not a checkpoint'):
        read_state(path)
    assert not list(recwarn)
