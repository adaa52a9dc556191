import hashlib

import pytest
from made_networks import write_folder

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.network_folder import (
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
