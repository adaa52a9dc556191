from dataclasses import replace
from pathlib import Path

import pytest
from made_data import MadeDataset

from depth_anything_ros.errors import (
    BackendError,
    CompressionError,
    ConfigError,
    DatasetError,
    OutputError,
    WorkerError,
)
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.lab.compression import study as module
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.study import (
    PARENT,
    Study,
    StudyConfig,
    StudyInputs,
    first_readable,
    label,
    write_float32,
)
from depth_anything_ros.lab.compression.study_pictures import draw_first, evenly
from depth_anything_ros.lab.compression.study_results import (
    Conditions,
    MemoryResult,
    StudySettings,
    open_journal,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.activation import DYNAMIC
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.types import Precision

SPEC = MODELS['tiny']
TORCH = Selection('torch', Precision.FP32, 'cpu')
CONFIG = StudyConfig((TORCH,), input_size=64, runs=2, warm_up=1, threads=1)
SETTINGS = StudySettings(
    'tiny', SPEC.output, 'weights', Conditions(64, 0.2, 8.0, 'none', 'none', 2, 1, {})
)
CHAINS = ('fp16', 'prune(0.5)')


@pytest.fixture(scope='module')
def parent():
    return load_weights(SPEC)


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    monkeypatch.setattr(module, 'peak_memory_bytes', lambda load: load.size[0])


class Stopping:
    """Stop after some steps, as a signal does."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, items, total, label):
        for number, item in enumerate(items):
            if label == 'study' and number == self.steps:
                raise KeyboardInterrupt
            yield item


@pytest.fixture
def run(tmp_path, parent):
    def run(chains=CHAINS, data=None, stop_after=None, config=CONFIG, weights=parent):
        inputs = StudyInputs(
            data or {'made:2': MadeDataset('made', 2)}, lambda: (), lambda: (), 'none'
        )
        progress = Stopping(stop_after)
        with open_journal(tmp_path / 'journal.jsonl', SETTINGS) as journal:
            study = Study(
                tmp_path, weights, [parse_chain(chain) for chain in chains], inputs,
                config, journal, progress,
            )  # fmt: skip
            return study, study.run(), study.results()

    return run


def test_every_recipe_is_measured_like_the_parent(run, tmp_path):
    study, steps, results = run()
    assert steps == 3 * 4
    assert [result.recipe for result in results] == [PARENT, *CHAINS]
    parent, half, pruned = (result.file for result in results)
    for name, result in zip(study.names, results, strict=True):
        assert result.file.bytes == study.path(name).stat().st_size
        assert set(result.scores) == {'made:2'}
        assert result.latency['torch fp32'].p50_ms > 0
        assert result.memory['torch fp32'].peak_bytes == 64
    assert parent.bytes == pytest.approx(4 * SPEC.parameters, rel=0.03)
    assert half.bytes == pytest.approx(2 * SPEC.parameters, rel=0.03)
    assert pruned.nonzero_weights == pytest.approx(pruned.weights / 2, rel=1e-3)
    scores = [result.scores['made:2'] for result in results]
    # The weights that ship are float16, so that storing them so changes nothing.
    assert scores[0] == scores[1] != scores[2]
    assert results[0].latency['torch fp32'].speed_up == 1


def test_stopped_study_goes_on_with_what_is_missing(run):
    with pytest.raises(KeyboardInterrupt):
        run(stop_after=6)
    _, steps, results = run()
    assert steps == 12 - 6
    assert run()[1:] == (0, results)


def test_more_recipes_and_data_are_added(run):
    run(chains=CHAINS[:1])
    assert run(chains=CHAINS)[1] == 4
    data = {'made:2': MadeDataset('made', 2), 'made:1': MadeDataset('made', 1)}
    assert run(data=data)[1] == 3


def test_data_with_other_images_is_scored_anew(run):
    run(chains=())
    assert run(chains=(), data={'made:2': MadeDataset('made', 3)})[1] == 1


def test_file_that_is_gone_or_changed_is_written_again(run):
    study, _, results = run(chains=CHAINS[:1])
    study.path(CHAINS[0]).unlink()
    study.path(PARENT).write_bytes(b'')
    assert run(chains=CHAINS[:1])[1:] == (2, results)


def test_failure_is_told_and_tried_again(run, monkeypatch):
    def fail(load):
        raise WorkerError('killed')

    with monkeypatch.context() as patch:
        patch.setattr(module, 'peak_memory_bytes', fail)
        patch.setattr(Predictor, 'infer', lambda *_: (_ for _ in ()).throw(BackendError('full')))
        _, _, results = run(chains=())
    assert results[0].memory['torch fp32'] == MemoryResult(None, 'killed')
    assert results[0].latency['torch fp32'].failure == 'full'
    assert results[0].scores['made:2'].problems == {'full': 2}
    _, steps, results = run(chains=())
    assert steps == 2
    assert results[0].memory['torch fp32'].peak_bytes == 64


def test_calibrated_recipe_without_images_is_an_error(run):
    with pytest.raises(CompressionError, match='int8_static needs images'):
        run(chains=['int8_static'])


def test_quantised_parent_is_refused(run, parent):
    with pytest.raises(CompressionError, match='multiplies integers already'):
        run(weights=replace(parent, activation_ranges={'encoder.stem': DYNAMIC}))


def test_input_size_that_is_no_multiple_is_refused(run):
    with pytest.raises(ConfigError, match='input size 70 is not a positive multiple'):
        run(config=StudyConfig((TORCH,), input_size=70))


def test_first_image_is_drawn_by_several_networks(run, tmp_path):
    study, _, _ = run()
    dataset = MadeDataset('made', 2)
    assert draw_first(tmp_path / 'a.png', study, dataset, [PARENT, 'prune(0.5)'])
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
    assert not draw_first(tmp_path / 'b.png', study, dataset, [])
    assert not (tmp_path / 'b.png').exists()


def test_names_are_chosen_evenly_with_the_first():
    assert evenly('abcdefg', 4) == ['a', 'b', 'd', 'f']
    assert evenly('abc', 7) == ['a', 'b', 'c']
    assert evenly('a', 7) == ['a']


def test_first_readable_image_is_found():
    class FromSeven(MadeDataset):
        def __getitem__(self, index):
            return super().__getitem__(index + 7)

    assert first_readable(FromSeven('made', 2)).name == '008'
    with pytest.raises(DatasetError, match="no image of 'made' can be read: 007.png"):
        first_readable(FromSeven('made', 1))


def test_labels_name_a_device_that_is_no_cpu():
    assert label(TORCH) == 'torch fp32'
    assert label(Selection('torch', Precision.FP16, 'cuda:1')) == 'torch fp16 cuda:1'


def test_float32_file_is_the_same_every_time(parent, tmp_path):
    paths = [tmp_path / name for name in ('a.safetensors', 'b.safetensors')]
    for path in paths:
        write_float32(path, parent)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths
    with pytest.raises(OutputError, match='a.safetensors'):
        write_float32(Path(paths[0]) / 'c.safetensors', parent)
