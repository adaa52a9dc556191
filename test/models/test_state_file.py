"""Reading checkpoint files: every way in which one can be wrong has its own words."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.fit import model_of_state, model_shapes
from depth_anything_ros.models.local_file import file_sha256, local_file
from depth_anything_ros.models.metadata import read_metadata
from depth_anything_ros.models.state_file import read_state

SMALL = MODELS['depth_anything_v2_vits']
STATE = {'a.weight': torch.arange(6.0).reshape(2, 3), 'a.bias': torch.tensor([1.0, 2.0])}


@pytest.fixture(params=['.pth', '.pt', '.bin', '.safetensors'])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f'weights{request.param}'
    if request.param == '.safetensors':
        save_file(STATE, path)
    else:
        torch.save(STATE, path)
    return path


def test_tensors_come_back_as_written(file: Path) -> None:
    state = read_state(local_file(str(file)))
    assert set(state) == set(STATE)
    assert all(torch.equal(state[key], STATE[key]) for key in STATE)


def test_half_precision_file_is_read_as_float32(tmp_path: Path) -> None:
    path = tmp_path / 'half.safetensors'
    save_file({key: value.half() for key, value in STATE.items()}, path)
    state = read_state(path)
    assert {value.dtype for value in state.values()} == {torch.float32}
    assert torch.equal(state['a.weight'], STATE['a.weight'])


@pytest.mark.parametrize('share', [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_truncated_file_is_called_damaged(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=rf"'{file}' is damaged or not a checkpoint \("):
        read_state(file)


@pytest.mark.parametrize(
    'content',
    [b'<html>404 Not Found</html>', b'version https://git-lfs', b'\x80\x02.', b'PK\x03\x04'],
)
def test_file_that_is_something_else_is_called_damaged(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match='damaged or not a checkpoint'):
        read_state(file)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:abc\n', 'a pointer of Git LFS'),
        (b'<!DOCTYPE html><html>', 'a web page'),
        (pickle.dumps({'a': 1}, protocol=2), "a pickle; let its name end in '.pth'"),
        (b'PK\x03\x04' + bytes(30), "a file of torch.save; let its name end in '.pth'"),
    ],
)
def test_file_named_safetensors_is_called_what_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / 'w.safetensors'
    path.write_bytes(content)
    for read in (read_state, read_metadata):
        with pytest.raises(CheckpointError, match=f'not a checkpoint .*: it is {words}'):
            read(path)


@pytest.mark.parametrize('first', sorted({0x3C, 0x50, 0x76, 0x80, 0x89}))
def test_header_whose_length_begins_like_another_file_is_read(tmp_path: Path, first: int) -> None:
    tensor = b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    header = b'{' + tensor + b'}'
    header = header.ljust(first + 256 * (len(header) > first))
    path = tmp_path / 'w.safetensors'
    path.write_bytes(len(header).to_bytes(8, 'little') + header + bytes(4))
    assert path.read_bytes()[0] == first
    assert read_state(path)['a'].tolist() == [0.0]


class Intruder:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (Path.touch, (self.path,))


def test_code_in_a_file_is_not_executed(tmp_path: Path) -> None:
    path, trace = tmp_path / 'evil.pth', tmp_path / 'trace'
    path.write_bytes(pickle.dumps({'a': Intruder(trace)}, protocol=2))
    with pytest.raises(CheckpointError, match='damaged or not a checkpoint'):
        read_state(path)
    assert not trace.exists()


@pytest.mark.parametrize('content', [{}, [torch.zeros(2)], torch.zeros(2)])
def test_file_without_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / 'odd.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match='holds no state dict of tensors'):
        read_state(path)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_weight_that_is_not_finite_is_refused_by_name(tmp_path: Path, bad: float) -> None:
    path = tmp_path / 'nan.pth'
    torch.save({**STATE, 'a.bias': torch.tensor([1.0, bad])}, path)
    with pytest.raises(CheckpointError, match=r'NaN or infinity in a\.bias'):
        read_state(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"'{tmp_path}' is a folder; a network in a folder"):
        local_file(str(tmp_path))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pth' does not exist"):
        local_file(str(tmp_path / 'none.pth'))


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'model.onnx'
    path.touch()
    with pytest.raises(CheckpointError, match=r"ends in '\.onnx'; known: \.pth, .*\.safetensors"):
        local_file(str(path))


def test_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'model.pth').touch()
    assert local_file('~/model.pth') == tmp_path / 'model.pth'


def test_digest_of_known_bytes(tmp_path: Path) -> None:
    # FIPS 180-2, example B.1
    path = tmp_path / 'abc'
    path.write_bytes(b'abc')
    assert file_sha256(path) == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'


def test_digest_of_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='cannot be read: No such file'):
        file_sha256(tmp_path / 'none.pth')


def meta_state(name: str) -> dict[str, torch.Tensor]:
    shapes = model_shapes(MODELS[name])
    return {key: torch.empty(shape, device='meta') for key, shape in shapes.items()}


def test_state_of_the_model_fits() -> None:
    model_of_state(SMALL, meta_state(SMALL.name), Path('own.pth'))


@pytest.mark.parametrize('size', ['vitb', 'vitl'])
def test_state_of_another_model_is_recognised(size: str) -> None:
    message = (
        rf"'other\.pth' does not belong to model 'depth_anything_v2_vits'; its tensors are those "
        rf'of depth_anything_v2_{size} or depth_anything_v2_metric_hypersim_{size}'
    )
    with pytest.raises(CheckpointError, match=message):
        model_of_state(SMALL, meta_state(f'depth_anything_v2_{size}'), Path('other.pth'))


def test_state_of_no_model_is_described() -> None:
    state = meta_state(SMALL.name)
    del state['pretrained.mask_token']
    state['extra'] = torch.zeros(1)
    state['pretrained.norm.weight'] = torch.zeros(383)
    message = (
        r'nor to another known model; of \d+ tensors '
        r'1 missing: pretrained\.mask_token; 1 unknown: extra; '
        r'1 of another shape: pretrained\.norm\.weight \(383,\) instead of \(384,\)'
    )
    with pytest.raises(CheckpointError, match=message):
        model_of_state(SMALL, state, Path('other.pth'))
