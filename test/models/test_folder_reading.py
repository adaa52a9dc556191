import hashlib

import pytest
from made_networks import write_folder, write_grey

from depth_anything_ros.errors import CheckpointError, UnknownNameError
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.network_folder import (
    asked_spec,
    contract_of,
    is_network_folder,
    read_folder,
)
from depth_anything_ros.models.rows import ROWS

pytest.importorskip('onnx')


def test_a_folder_is_told_from_a_file(tmp_path):
    assert is_network_folder(str(tmp_path))
    assert not is_network_folder(str(write_folder(tmp_path) / 'model.onnx'))
    assert not is_network_folder('')
    assert not is_network_folder('no/such')
    assert not is_network_folder('a\0b')


def test_the_sha256_is_that_of_the_file(tmp_path):
    folder = write_folder(tmp_path)
    own = hashlib.sha256((folder / 'model.onnx').read_bytes()).hexdigest()
    assert read_folder(str(folder)).sha256 == own
    write_folder(tmp_path, files={'model.onnx': own})
    assert read_folder(str(folder)).sha256 == own


def test_another_file_than_named_is_refused(tmp_path):
    folder = write_folder(tmp_path, files={'model.onnx': '0' * 64})
    with pytest.raises(CheckpointError, match='damaged or another network'):
        read_folder(str(folder))


def test_the_sha256_may_be_in_capitals(tmp_path):
    own = hashlib.sha256((write_folder(tmp_path) / 'model.onnx').read_bytes()).hexdigest()
    folder = write_folder(tmp_path, files={'model.onnx': own.upper()})
    assert read_folder(str(folder)).sha256 == own


def test_data_of_an_onnx_counts_though_not_named(tmp_path):
    write_grey(tmp_path / 'model.onnx', external=True)
    folder = write_folder(tmp_path)
    first = read_folder(str(folder)).sha256
    data = folder / 'model.onnx.data'
    data.write_bytes(bytes(data.stat().st_size))
    assert read_folder(str(folder)).sha256 != first
    own = hashlib.sha256((folder / 'model.onnx').read_bytes()).hexdigest()
    write_folder(tmp_path, files={'model.onnx': own})
    with pytest.raises(CheckpointError, match="does not name 'model.onnx.data', from which"):
        read_folder(str(folder))
    write_folder(tmp_path, files={'model.onnx': own, 'model.onnx.data': None})
    assert read_folder(str(folder)).sha256 not in (first, own)
    data.unlink()
    write_folder(tmp_path)
    with pytest.raises(CheckpointError, match=r"model.onnx' lacks its weights: no file 'model.o"):
        read_folder(str(folder))


@pytest.mark.parametrize('kept', [40, -1])
def test_a_network_that_is_cut_off_is_told(tmp_path, kept):
    folder = write_folder(tmp_path)
    whole = (folder / 'model.onnx').read_bytes()
    (folder / 'model.onnx').write_bytes(whole[:kept])
    with pytest.raises(CheckpointError, match=r"model.onnx' is damaged: \d+ bytes or more of it"):
        read_folder(str(folder))


@pytest.mark.parametrize('place', ['../outside.data', 'below/inside.data'])
def test_data_elsewhere_is_refused(tmp_path, place):
    import onnx

    folder = write_folder(tmp_path / 'own')
    model = onnx.load(str(folder / 'model.onnx'))
    (folder / place).parent.mkdir(exist_ok=True)
    onnx.save(model, str(folder / 'model.onnx'), save_as_external_data=True, location=place,
              size_threshold=0)  # fmt: skip
    with pytest.raises(CheckpointError, match=f"takes weights from '{place}', which is not besi"):
        read_folder(str(folder))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'is empty; was it downloaded'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0', '`git lfs pull` fetches it'),
        (b'\n<!DOCTYPE html><html>', 'is a web page and no network'),
    ],
)
def test_what_is_in_the_place_of_a_download_is_told(tmp_path, content, message):
    folder = write_folder(tmp_path)
    (folder / 'model.onnx').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_folder(str(folder))


@pytest.mark.parametrize('name', ['model.onnx', 'network.json'])
def test_a_file_of_a_folder_is_not_taken_for_the_folder(tmp_path, name):
    folder = write_folder(tmp_path)
    with pytest.raises(CheckpointError, match=f"given by its folder: '{folder}'"):
        load_weights(ROWS[0], str(folder / name))


def test_a_packed_folder_is_to_be_unpacked(tmp_path):
    (tmp_path / 'own.zip').write_bytes(b'PK')
    with pytest.raises(CheckpointError, match="ends in '.zip'; .*; unpack it first"):
        load_weights(ROWS[0], str(tmp_path / 'own.zip'))


def test_a_folder_in_the_place_of_a_model_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match='it is a file or a folder, which is given as che'):
        asked_spec(str(tmp_path), '')
    with pytest.raises(UnknownNameError, match="unknown model 'tyni'; known: "):
        asked_spec('tyni', '')


def test_a_path_from_the_home_folder_is_shown_whole(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    with pytest.raises(CheckpointError, match=f"checkpoint '{tmp_path}/none.pth' does not exist"):
        load_weights(ROWS[0], '~/none.pth')


def test_weights_beside_an_xml_count_though_not_named(tmp_path):
    folder = write_folder(tmp_path, files={'model.xml': None})
    (folder / 'model.xml').write_text('<net/>')
    with pytest.raises(
        CheckpointError, match=r"model.xml' lacks its weights: no file 'model.bin'"
    ):
        read_folder(str(folder))
    (folder / 'model.bin').write_bytes(b'1')
    first = read_folder(str(folder)).sha256
    (folder / 'model.bin').write_bytes(b'2')
    assert read_folder(str(folder)).sha256 != first


def test_a_folder_without_contract_says_what_it_needs(tmp_path):
    with pytest.raises(CheckpointError, match='has no network.json.*; nor has it a network'):
        contract_of(str(tmp_path))
    write_folder(tmp_path)
    (tmp_path / 'network.json').unlink()
    with pytest.raises(CheckpointError, match='has no network.json.*; write one for model.onnx'):
        contract_of(str(tmp_path))
    (tmp_path / 'config.json').write_text('{}')
    with pytest.raises(CheckpointError, match=f'is named by model:=hub:{tmp_path}'):
        contract_of(str(tmp_path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    write_folder(tmp_path, files={'model.onnx': None, 'model.onnx.data': None})
    with pytest.raises(CheckpointError, match="names the file 'model.onnx.data', which is not"):
        contract_of(str(tmp_path))


def test_a_licence_without_commercial_use_is_a_warning(tmp_path, caplog):
    read_folder(str(write_folder(tmp_path, licence='CC-BY-NC-4.0')))
    assert 'grey: relative inverse depth, network of' in caplog.text
    assert '(no commercial use)' in caplog.text


def test_what_trains_and_compresses_refuses_a_folder_in_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match='run as it is, and has no weights to train or comp'):
        load_weights(ROWS[0], str(write_folder(tmp_path)))
