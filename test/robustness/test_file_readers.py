"""Every kind of file that people hand over: read as it is meant, or an error in one line."""

import io
import json
import sqlite3
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from hostile_bytes import damaged, damaged_text
from hostile_messages import DEPTH_PICTURES, PICTURES
from hypothesis import strategies as st
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import Stores, get_typestore
from safetensors.torch import save

from depth_anything_ros.bag import BagReader, BagWriter
from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.inference.backends.cache import MANIFEST, ExportCache
from depth_anything_ros.lab.benchmark.footprint import Footprint
from depth_anything_ros.lab.compression.chain import chain_text, parse_chain
from depth_anything_ros.lab.datasets import files
from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.meaning import spec_of_file
from depth_anything_ros.models.metadata import HEADER_KEY
from depth_anything_ros.models.packed_header import FORMAT, PackedHeader
from depth_anything_ros.models.state_file import read_state
from depth_anything_ros.parameters import check_value, parameter_infos

STATE = {'a.weight': torch.ones(2, 3), 'a.bias': torch.zeros(2), 'count': torch.tensor(3)}
PACKED = {
    'a.weight': torch.tensor([[1, -2]], dtype=torch.int8),
    'a.weight:scale': torch.ones(1, 1),
}
HEADER = {
    'format': FORMAT,
    'model': 'tiny',
    'max_depth_m': None,
    'recipe': 'int8_static',
    'parent_sha256': 'ab',
    'parent_origin': 'checkpoint',
    'calibration': None,
    'versions': {'torch': '2'},
    'shapes': {'sparse': [3, 3]},
    'inputs': {'a': [-1.5, 2.0]},
}

# Ten thousand cases of one generator take minutes on a busy machine.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def place(tmp_path):
    """Return what writes the bytes of a case to one and the same file and returns its path."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def pickled(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def assert_state(state):
    assert state
    for values in state.values():
        assert isinstance(values, torch.Tensor)
        assert values.numel() < 1_000_000
        if values.is_floating_point():
            assert values.dtype == torch.float32
            assert bool(torch.isfinite(values).all())


def test_safetensors_are_read_or_refused(attack, place):
    valid = (save(STATE), save(PACKED, {HEADER_KEY: json.dumps(HEADER)}))

    def check(data):
        path = place('weights.safetensors', data)
        spec_of_file(MODELS['tiny'], CheckpointFile.read(path), '')
        assert_state(read_state(path))

    attack('checkpoint .safetensors', damaged(valid), check)


def test_pickled_checkpoints_are_read_or_refused(attack, place):
    deep = {'a': STATE['a.weight']}
    for _ in range(30):
        deep = {'model': deep}
    others = (
        {'x': torch.ones(2, 2).to_sparse()},
        {'x': torch.ones(1).expand(100_000, 100_000)},
        {'x': torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)},
        {'x': torch.empty(10, device='meta')},
        {'x': torch.ones(2, dtype=torch.complex64)},
        {'state_dict': {f'module.{name}': values for name, values in STATE.items()}},
        {'model': STATE, 'optimizer': {'state': {}}, 'epoch': 3},
        deep,
        [STATE],
        {1: torch.ones(1)},
    )
    valid = tuple(pickled(content) for content in (STATE, *others))
    legacy = io.BytesIO()
    torch.save(STATE, legacy, _use_new_zipfile_serialization=False)
    strategy = st.one_of(st.sampled_from(valid), damaged((*valid, legacy.getvalue())))
    attack(
        'checkpoint .pth',
        strategy,
        lambda data: assert_state(read_state(place('weights.pth', data))),
    )


def test_packed_headers_are_read_or_refused(attack):
    def check(data):
        header = PackedHeader.from_json(data.decode('utf-8', 'replace'), Path('x.safetensors'))
        assert isinstance(header.model, str)
        assert all(isinstance(shape, tuple) for shape in header.shapes.values())

    attack('packed header', damaged_text((json.dumps(HEADER),)), check)


def test_configs_beside_a_checkpoint_are_read_or_refused(attack, place):
    config = {
        'model_type': 'depth_anything',
        'depth_estimation_type': 'metric',
        'max_depth': 20,
        'patch_size': 14,
        'neck_hidden_sizes': [48, 96, 192, 384],
        'fusion_hidden_size': 64,
        'backbone_config': {'out_indices': [3, 6, 9, 12]},
    }
    checkpoint = place('weights.safetensors', save(STATE))
    row = MODELS['depth_anything_v2_metric_hypersim_vits']

    def check(data):
        place('config.json', data)
        spec = spec_of_file(row, CheckpointFile.read(checkpoint), '')
        assert spec.max_depth_m is None or 0 < spec.max_depth_m < 10_000

    attack('config.json', damaged_text((json.dumps(config),)), check)


def test_pictures_are_read_or_refused(attack, place):
    rgb = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    others = tuple(cv2.imencode(suffix, rgb)[1].tobytes() for suffix in ('.webp', '.bmp', '.tiff'))

    def check(data):
        pixels = files.read_rgb(place('picture.png', data))
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3

    attack('picture file', damaged((*PICTURES, *others)), check)


def assert_plane(depth):
    assert depth.dtype == np.float32
    assert depth.ndim == 2


def test_depth_pictures_are_read_or_refused(attack, place):
    attack(
        'depth .png',
        damaged(DEPTH_PICTURES),
        lambda data: assert_plane(files.read_png_depth(place('depth.png', data), 1000)),
    )


def test_numpy_files_are_read_or_refused(attack, place):
    valid = []
    for content in (np.ones((4, 5), np.float32), np.ones((4, 5), np.float64, order='F')):
        buffer = io.BytesIO()
        np.save(buffer, content)
        valid.append(buffer.getvalue())
    pickle_inside = io.BytesIO()
    np.save(pickle_inside, np.array([{'a': 1}], object), allow_pickle=True)
    attack(
        'depth .npy',
        damaged((*valid, pickle_inside.getvalue())),
        lambda data: assert_plane(files.read_npy(place('depth.npy', data))),
    )


def test_float_maps_are_read_or_refused(attack, place):
    valid = b'Pf\n5 4\n-1.0\n' + np.ones((4, 5), '<f4').tobytes()
    attack(
        'depth .pfm',
        damaged((valid,)),
        lambda data: assert_plane(files.read_pfm(place('depth.pfm', data))),
    )


def test_openexr_is_read_or_refused(attack, place, monkeypatch):
    monkeypatch.setenv('OPENCV_IO_ENABLE_OPENEXR', '1')
    valid = cv2.imencode('.exr', np.ones((4, 5), np.float32))[1].tobytes()
    attack(
        'depth .exr',
        damaged((valid,)),
        lambda data: assert_plane(files.read_exr(place('depth.exr', data))),
    )


def test_hdf5_is_read_or_refused(attack, place, tmp_path):
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'valid.h5', 'w') as file:
        file['dataset'] = np.ones((4, 5), np.float16)
    valid = (tmp_path / 'valid.h5').read_bytes()

    def check(data):
        assert np.asarray(files.read_hdf5(place('depth.h5', data), 'dataset')).size < 1_000_000

    attack('depth .hdf5', damaged((valid,)), check)


def test_indices_of_folders_are_read_or_refused(attack, tmp_path):
    folder = tmp_path / 'frames' / 'one'
    folder.mkdir(parents=True)
    (folder / 'rgb.png').write_bytes(PICTURES[3])
    (folder / 'depth.png').write_bytes(DEPTH_PICTURES[0])
    index = [{'path': 'frames/one', 'eval_ok': True, 'ground_truth': 'dense', 'kind': 'single'}]
    texts = (json.dumps(index), json.dumps({'frames': index}))

    def check(data):
        (tmp_path / 'index.json').write_bytes(data)
        dataset = parse_data(f'rgbd_folder/all:{tmp_path}')
        for number in range(min(3, len(dataset))):
            assert dataset[number].rgb.shape[:2] == dataset[number].depth_m.shape

    attack('index.json', damaged_text(texts), check)


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """Return one small bag of each kind: the bytes of its file, and those of its metadata."""
    folder = tmp_path_factory.mktemp('bags')
    message = {
        'header': {'stamp': {'sec': 1, 'nanosec': 2}, 'frame_id': 'camera'},
        'height': 2, 'width': 2, 'encoding': 'rgb8', 'is_bigendian': 0, 'step': 6,
        'data': np.arange(12, dtype=np.uint8),
    }  # fmt: skip
    found = {}
    for storage, suffix in (('mcap', '.mcap'), ('sqlite3', '.db3')):
        with BagWriter(folder / storage, storage) as writer:
            for number in range(3):
                writer.write('/image', 'sensor_msgs/msg/Image', message, number)
        path = next((folder / storage).glob(f'*{suffix}'))
        found[suffix] = path.read_bytes()
        found['metadata'] = (folder / storage / 'metadata.yaml').read_text()
    store = get_typestore(Stores.ROS1_NOETIC)
    with Rosbag1Writer(folder / 'one.bag') as writer:
        connection = writer.add_connection('/text', 'std_msgs/msg/String', typestore=store)
        text = store.types['std_msgs/msg/String']('hello')
        writer.write(connection, 5, store.serialize_ros1(text, 'std_msgs/msg/String'))
    found['.bag'] = (folder / 'one.bag').read_bytes()
    return found


def read_all(path: Path) -> None:
    with BagReader(path) as reader:
        for message in reader.messages():
            message.deserialize()
            assert message.stamp_ns is None or isinstance(message.stamp_ns, int)


@pytest.mark.parametrize('suffix', ['.mcap', '.db3', '.bag'])
def test_bag_files_are_read_or_refused(attack, place, bags, suffix):
    attack(
        f'bag {suffix}',
        damaged((bags[suffix],)),
        lambda data: read_all(place(f'bag{suffix}', data)),
    )


def test_metadata_of_bags_is_read_or_refused(attack, bags, tmp_path):
    (tmp_path / 'sqlite3.db3').write_bytes(bags['.db3'])
    with sqlite3.connect(tmp_path / 'sqlite3.db3') as database:
        assert database.execute('select count(*) from messages').fetchone() == (3,)

    def check(data):
        (tmp_path / 'metadata.yaml').write_bytes(data)
        read_all(tmp_path)

    attack('metadata.yaml', damaged_text((bags['metadata'],)), check)


def test_manifests_of_the_cache_are_believed_or_made_again(attack, tmp_path):
    def load():
        return ExportCache(tmp_path).load(
            'net',
            {'k': 'v'},
            lambda folder: (folder / 'n').write_text('right'),
            lambda folder: ((folder / 'n').read_text(), folder),
        )

    _, folder = load()
    manifest = (folder / MANIFEST).read_text()

    def check(data):
        (folder / MANIFEST).write_bytes(data)
        (folder / 'n').write_text('right')
        assert load() == ('right', folder)
        assert set(json.loads((folder / MANIFEST).read_text())['files']) == {'n'}

    attack('manifest.json', damaged_text((manifest,)), check)


def test_journals_are_resumed_or_refused(attack, tmp_path):
    path = tmp_path / 'journal.jsonl'
    with Journal(path, Footprint, {'what': 'test'}) as journal:
        journal.add([Footprint(1, None), Footprint(2, 3)])
    valid = path.read_bytes()

    def check(data):
        path.write_bytes(data)
        Journal(path, Footprint, {'what': 'test'}).close()

    attack('journal', damaged((valid,)), check)


def test_values_of_parameters_are_taken_or_refused(attack):
    infos = parameter_infos(DepthNodeConfig)
    values = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=10),
        st.binary(max_size=5),
        st.lists(st.one_of(st.text(max_size=5), st.integers()), max_size=3),
    )

    def check(case):
        name, value = case
        default, info = infos[name]
        assert type(check_value(name, value, default, info)) is type(default)

    attack('parameter value', st.tuples(st.sampled_from(sorted(infos)), values), check)


def test_words_for_data_open_something_or_are_refused(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = st.one_of(
        st.text(max_size=30),
        st.builds(
            '{}{}{}'.format,
            st.sampled_from(('bag:', 'rgbd_folder:', 'rgbd_folder/test:', 'simulator:', 'irs:')),
            st.sampled_from(('', '.', '~', '1:2', '1:2:3x4', '-1:0', '1:2:0x0', '\x00')),
            st.one_of(st.just(''), st.text(alphabet=',=:/?&x1\x00', max_size=8)),
        ),
    )

    def check(word):
        with suppress(DatasetError):
            parse_data(word)

    attack('data word', words, check)


def test_recipes_are_read_back_or_refused(attack):
    words = st.sampled_from(('int8_static', 'prune', 'prune_structured', 'int16_static'))
    numbers = st.sampled_from(('0.3', '-1', 'nan', '1e999', '', 'layer', 'amount=0.5', '0.1,0.2'))
    link = st.builds('{}({})'.format, words, numbers)
    texts = st.one_of(
        st.lists(st.one_of(words, link), max_size=4).map('+'.join), st.text(max_size=20)
    )

    def check(text):
        chain = parse_chain(text)
        assert parse_chain(chain_text(chain)) == chain

    attack('recipe', texts, check)


def test_the_generators_start_from_what_can_be_read(bags, place, tmp_path):
    """Damage is worth something only where the undamaged is read."""
    for suffix in ('.mcap', '.db3', '.bag'):
        read_all(place(f'whole{suffix}', bags[suffix]))
    assert yaml.safe_load(bags['metadata'])
    assert files.read_rgb(place('whole.png', PICTURES[3])).shape == (24, 32, 3)
    assert_state(read_state(place('whole.safetensors', save(STATE))))
    assert_state(read_state(place('whole.pth', pickled(STATE))))
