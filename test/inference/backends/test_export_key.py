"""What an exported network depends on."""

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import pytest

from depth_anything_ros.inference.backends import export_key as module
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.export_key import export_key, is_kept
from depth_anything_ros.models import MODELS
from depth_anything_ros.types import Precision

LIBRARIES = ('numpy',)


@dataclass(frozen=True)
class Source:
    """What of a network can be told without torch."""

    spec: object = MODELS['tiny']
    key: str = 'one'
    integers: bool = False
    graph: Path | None = None

    def graph_for(self, device):
        return self.graph if device == 'cpu' else None


@pytest.fixture
def cache(tmp_path):
    return ExportCache(tmp_path)


def options(cache, source=Source(), size=(32, 64)):  # noqa: B008 - it is frozen
    return BackendOptions(source, size, Precision.FP32, 'cpu', 0, cache)


def keep(cache, key):
    """Put something into the cache under a key."""
    cache.load('tiny', key, lambda folder: (folder / 'x').write_text('x'), lambda folder: folder)


def without_torch(monkeypatch):
    installed = metadata.version

    def version(name):
        if name == 'torch':
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(module.metadata, 'version', version)


def test_same_weights_with_another_output_are_another_export(cache):
    outputs = []
    for limit_m in (None, 10.0, 20.0):
        source = Source(replace(MODELS['tiny'], max_depth_m=limit_m))
        outputs.append(export_key(options(cache, source), LIBRARIES)['output'])
    assert outputs == ['relative inverse depth', 'metres to 10 m', 'metres to 20 m']


def test_all_that_an_export_depends_on_is_in_its_key(cache, monkeypatch):
    asked = options(cache)
    keys = [
        export_key(asked, LIBRARIES),
        export_key(options(cache, Source(key='another')), LIBRARIES),
        export_key(options(cache, Source(MODELS['tiny_sdt_lite'])), LIBRARIES),
        export_key(options(cache, size=(64, 64)), LIBRARIES),
        export_key(asked, LIBRARIES, ('a layer',)),
        export_key(asked, ()),
    ]
    for changed in ('numpy', 'torch'):
        with monkeypatch.context() as patched:
            patched.setattr(module.metadata, 'version', lambda name, c=changed: str(name == c))
            keys.append(export_key(asked, LIBRARIES))
    with monkeypatch.context() as patched:
        patched.setattr(module, 'source_digest', lambda: 'other code')
        keys.append(export_key(asked, LIBRARIES))
    assert len({tuple(sorted(key.items())) for key in keys}) == len(keys)
    assert keys[0]['torch'] == metadata.version('torch')


def test_the_version_of_a_library_whose_package_has_another_name_is_asked_of_itself(cache):
    # As onnxruntime of the package onnxruntime-gpu; OpenCV is of opencv-python-headless.
    import cv2

    assert export_key(options(cache), ('cv2',))['cv2'] == cv2.__version__


def test_without_torch_an_export_of_any_torch_will_do(cache, monkeypatch):
    keep(cache, export_key(options(cache), LIBRARIES))
    with_torch = export_key(options(cache), LIBRARIES)
    without_torch(monkeypatch)
    assert export_key(options(cache), LIBRARIES) == with_torch
    assert export_key(options(cache, size=(64, 64)), LIBRARIES)['torch'] == ''
    assert export_key(options(cache, Source(key='another')), LIBRARIES)['torch'] == ''


def test_without_torch_an_export_for_another_device_will_not_do(cache, monkeypatch):
    # Of another torch than the one for this device, and perhaps the first that is found.
    with monkeypatch.context() as patched:
        patched.setattr(module.metadata, 'version', lambda _: '1.2.3')
        keep(cache, export_key(options(cache), LIBRARIES, form='cuda fp16'))
    monkeypatch.setattr(module, '_version', lambda _: '1.2.3')
    without_torch(monkeypatch)
    assert export_key(options(cache), LIBRARIES)['torch'] == ''
    assert export_key(options(cache), LIBRARIES, form='cuda fp16')['torch'] == '1.2.3'


def test_what_is_exported_from_a_graph_depends_on_it_and_not_on_torch(cache, tmp_path):
    graph = tmp_path / 'graph.onnx'
    keys = []
    for content in (b'one', b'another'):
        graph.write_bytes(content)
        keys.append(export_key(options(cache, Source(graph=graph)), LIBRARIES))
    assert keys[0]['graph'] != keys[1]['graph']
    assert 'torch' not in keys[0]


def test_a_network_is_kept_whatever_the_size_until_something_changes(cache, monkeypatch):
    assert not is_kept(Source(), LIBRARIES, cache)
    keep(cache, export_key(options(cache), LIBRARIES))
    assert is_kept(Source(), LIBRARIES, cache)
    assert not is_kept(Source(key='another'), LIBRARIES, cache)
    assert not is_kept(Source(), ('cv2',), cache)
    monkeypatch.setattr(module, 'source_digest', lambda: 'other code')
    assert not is_kept(Source(), LIBRARIES, cache)


@pytest.mark.parametrize('manifest', ['', '[]', '{"key": 1}', '{"key": {"weights": "one"}}'])
def test_a_manifest_that_cannot_be_read_keeps_nothing(cache, manifest):
    key = export_key(options(cache), LIBRARIES)
    keep(cache, key)
    (path,) = cache.folder.glob('*/manifest.json')
    path.write_text(manifest)
    assert cache.known(key) is None


def test_nothing_is_kept_without_a_folder(tmp_path):
    assert ExportCache(None).known({}) is None
    assert ExportCache(tmp_path / 'none').known({}) is None
