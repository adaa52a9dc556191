import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import (
    CheckpointError,
    ConfigError,
    DepthAnythingError,
    UnknownNameError,
)
from depth_anything_ros.inference.predictor import create_predictor
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.recipe import compress
from depth_anything_ros.models import MODELS, fit
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.nodes.pipeline_host import PipelineHost
from depth_anything_ros.parameters import Affects, from_mapping, parameter_infos, parameter_values
from depth_anything_ros.parameters import changed as with_changes
from depth_anything_ros.stream.assembly import check_config
from depth_anything_ros.types import (
    Frame,
    ModelIdentity,
    ModelInput,
    OutputKind,
    RelativeInverseDepth,
)
from depth_anything_ros.uncertainty.files import GENERIC, read_table, write_table

CONFIG = from_mapping(
    DepthNodeConfig, {'scale_source': 'fixed', 'fixed_scale': 0.5, 'weights': 'random'}
)


class Network:
    """Stand in for a predictor that gives ones everywhere."""

    output_kind, weights_path = OutputKind.RELATIVE_INVERSE_DEPTH, None

    def __init__(self, config):
        self.identity = config.network.model

    def preprocess(self, rgb):
        return ModelInput(np.zeros((1, 3, 14, 14), np.float32), rgb.shape[:2])

    def infer(self, model_input):
        return np.ones(model_input.source_size, np.float32)

    def postprocess(self, raw, source_size):
        return RelativeInverseDepth(raw)


@pytest.fixture
def make_host():
    hosts = []

    def make(load=Network, **options):
        hosts.append(PipelineHost(load, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close(10)


def changed(**fields):
    return with_changes(CONFIG, fields), frozenset(fields)


def depth_m(host):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 1_000_000_000, 'camera')
    return host.pipeline.process(frame).metric.depth_m[0, 0]


def test_nothing_runs_before_start_and_after_stop(make_host):
    host = make_host()
    assert host.pipeline is None
    host.start(CONFIG)
    assert depth_m(host) == pytest.approx(2.0)
    host.stop()
    assert host.pipeline is None


def test_a_changed_scale_takes_effect_with_the_same_network(make_host):
    host = make_host()
    host.start(CONFIG)
    network = host.pipeline.predictor
    host.change(*changed(fixed_scale=0.25, max_depth_m=20.0))
    assert depth_m(host) == pytest.approx(4.0)
    assert host.pipeline.predictor is network


def test_a_changed_max_depth_takes_effect_at_once(make_host):
    host = make_host()
    host.start(CONFIG)
    host.change(*changed(max_depth_m=1.5))
    assert np.isnan(depth_m(host))


def test_refinements_take_effect_at_once_and_keep_the_scale(make_host):
    host = make_host()
    host.start(CONFIG)
    pipeline = host.pipeline
    assert not pipeline.refinements.metric
    host.change(*changed(temporal_smoothing_s=0.5))
    assert host.pipeline is pipeline
    assert [step.name for step in pipeline.refinements.metric] == ['temporal_filter']
    host.change(*changed(temporal_smoothing_s=0.5, fixed_scale=0.25))
    assert host.pipeline.refinements.metric
    host.change(*changed(temporal_smoothing_s=0.0))
    assert not host.pipeline.refinements.metric


def test_a_new_model_is_loaded_beside_the_running_one(make_host):
    proceed = threading.Event()

    def load(config):
        if config.network.model != CONFIG.network.model:
            assert proceed.wait(10)
        return Network(config)

    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(model='depth_anything_v2_vitb'))
    assert host.loading == 'depth_anything_v2_vitb'
    assert host.pipeline.predictor.identity == CONFIG.network.model
    assert depth_m(host) == pytest.approx(2.0)
    proceed.set()
    assert host.wait_idle(10)
    assert host.pipeline.predictor.identity == 'depth_anything_v2_vitb'
    assert (host.loading, host.error) == ('', '')


def test_a_failed_load_keeps_the_old_model_and_says_why(make_host):
    def load(config):
        if config.network.model != CONFIG.network.model:
            raise CheckpointError('damaged file')
        return Network(config)

    refusals = []
    host = make_host(load, refused=lambda: refusals.append(host.running))
    host.start(CONFIG)
    host.change(*changed(model='depth_anything_v2_vitb'))
    assert host.wait_idle(10)
    assert host.pipeline.predictor.identity == CONFIG.network.model
    assert host.error == 'could not load depth_anything_v2_vitb: damaged file'
    assert refusals == [CONFIG]
    host.change(*changed(model=CONFIG.network.model))
    assert host.wait_idle(10)
    assert host.error == ''


def test_scale_changed_during_a_load_is_not_lost(make_host):
    proceed = threading.Event()

    def load(config):
        if config.network.model != CONFIG.network.model:
            assert proceed.wait(10)
        return Network(config)

    host = make_host(load)
    host.start(CONFIG)
    config, names = changed(model='depth_anything_v2_vitb')
    host.change(config, names)
    host.change(with_changes(config, {'fixed_scale': 0.125}), frozenset({'fixed_scale'}))
    proceed.set()
    assert host.wait_idle(10)
    assert host.pipeline.predictor.identity == 'depth_anything_v2_vitb'
    assert depth_m(host) == pytest.approx(8.0)


def test_values_that_did_not_change_load_and_reset_nothing(make_host):
    load = GatedLoader()
    host = make_host(load)
    host.start(CONFIG)
    pipeline = host.pipeline
    host.change(CONFIG, frozenset(parameter_infos(DepthNodeConfig)))
    assert host.wait_idle(10)
    assert len(load.warmed_up_for) == 1
    assert host.pipeline is pipeline


def test_turning_back_to_the_running_model_ends_the_load_of_another(make_host):
    load = GatedLoader(70)
    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(input_size=70))
    assert load.begun[70].wait(10)
    host.change(*changed(input_size=CONFIG.network.input_size))
    assert host.loading == ''
    load.gates[70].set()
    assert host.wait_idle(10)
    assert host.pipeline.predictor.identity == CONFIG.network.input_size


def test_what_changes_during_the_first_load_is_taken_over(make_host):
    load = GatedLoader(70)
    host = make_host(load)
    config = changed(input_size=70)[0]
    starting = threading.Thread(target=host.start, args=(config,))
    starting.start()
    assert load.begun[70].wait(10)
    assert (host.loading, host.pipeline) == (CONFIG.network.model, None)
    host.change(*changed(input_size=70, fixed_scale=0.125))
    host.change(*changed(input_size=84, fixed_scale=0.125))
    load.gates[70].set()
    starting.join(10)
    assert host.wait_idle(10)
    assert depth_m(host) == pytest.approx(8.0)
    assert host.pipeline.predictor.identity == 84


def test_a_stop_during_the_first_load_leaves_nothing_running(make_host):
    load = GatedLoader(70)
    host = make_host(load)
    raised = []

    def start():
        with pytest.raises(DepthAnythingError, match='stopped while') as caught:
            host.start(changed(input_size=70)[0])
        raised.append(caught)

    starting = threading.Thread(target=start)
    starting.start()
    assert load.begun[70].wait(10)
    host.stop()
    load.gates[70].set()
    starting.join(10)
    assert len(raised) == 1
    assert (host.pipeline, host.loading) == (None, '')


def test_a_load_that_ends_after_stop_has_no_effect(make_host):
    proceed = threading.Event()

    def load(config):
        if config.network.model != CONFIG.network.model:
            assert proceed.wait(10)
        return Network(config)

    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(model='depth_anything_v2_vitb'))
    host.stop()
    proceed.set()
    assert host.wait_idle(10)
    assert host.pipeline is None


class GatedLoader:
    """Load at once, except networks of `gates`, which wait for theirs and note that they do."""

    def __init__(self, *sizes):
        self.gates = {size: threading.Event() for size in sizes}
        self.begun = {size: threading.Event() for size in sizes}
        self.warmed_up_for = []

    def __call__(self, config):
        self.warmed_up_for.append((config.warmup_height, config.warmup_width))
        if config.network.input_size in self.gates:
            self.begun[config.network.input_size].set()
            assert self.gates[config.network.input_size].wait(10)
        network = Network(config)
        network.identity = config.network.input_size
        return network


def test_a_load_from_before_a_stop_does_not_replace_what_was_started_since(make_host):
    load = GatedLoader(70)
    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(input_size=70))
    assert load.begun[70].wait(10)
    host.stop()
    host.start(changed(input_size=84)[0])
    load.gates[70].set()
    assert host.wait_idle(10)
    assert (host.pipeline.predictor.identity, host.loading) == (84, '')


def test_a_load_that_fails_after_a_stop_is_no_error_of_the_stopped_node(make_host):
    proceed = threading.Event()

    def load(config):
        if config.network.model != CONFIG.network.model:
            assert proceed.wait(10)
            raise CheckpointError('damaged file')
        return Network(config)

    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(model='depth_anything_v2_vitb'))
    host.stop()
    proceed.set()
    assert host.wait_idle(10)
    assert host.error == ''


def test_the_model_wanted_last_is_shown_as_loading_until_it_runs(make_host):
    load = GatedLoader(70, 84)
    host = make_host(load)
    host.start(CONFIG)
    host.change(*changed(input_size=70))
    assert load.begun[70].wait(10)
    host.change(*changed(input_size=84))
    load.gates[70].set()
    assert load.begun[84].wait(10)
    assert host.loading == CONFIG.network.model
    assert host.pipeline.predictor.identity == CONFIG.network.input_size
    load.gates[84].set()
    assert host.wait_idle(10)
    assert (host.pipeline.predictor.identity, host.loading) == (84, '')


def test_a_new_model_is_warmed_up_for_the_images_that_come(make_host):
    load = GatedLoader()
    host = make_host(load)
    host.start(CONFIG)
    host.image_size = (720, 1280)
    host.change(*changed(input_size=70))
    assert host.wait_idle(10)
    assert load.warmed_up_for == [(480, 640), (720, 1280)]


@pytest.mark.parametrize(
    ('fields', 'error', 'words'),
    [
        ({'model': 'vits'}, UnknownNameError, "'vits'; known: tiny, depth_anything_v2_vits"),
        (
            {'input_size': 500},
            ConfigError,
            r"'input_size': 500 is .* patch 14; nearest: 490 or 504",
        ),
        ({'checkpoint': '/nowhere/x.pth'}, CheckpointError, '/nowhere/x.pth'),
    ],
)
def test_what_must_fail_is_refused_before_loading(make_host, fields, error, words):
    config = with_changes(CONFIG, fields)
    with pytest.raises(error, match=words):
        check_config(config)
    with pytest.raises(error):
        make_host().start(config)


# What another allowed value is, where it is not just any.
OTHER = {
    'model': 'depth_anything_v2_vitb', 'checkpoint': '~/small.pth', 'device': 'cpu',
    'input_size': 70, 'scale_fallbacks': 'camera_height', 'reference_min_depth_m': 0.3,
    'reference_depth_unit': 'cm', 'reference_pose': '0 0 0 0 0 0', 'laser_pose': '0 0 0 0 0 0',
    'odometry_pose': '0 0 0 0 0 0', 'sigma_table': str(GENERIC), 'scan_min_height_m': -1.0,
}  # fmt: skip


def another(name, info):
    """Return an allowed value that the parameter does not have."""
    now = parameter_values(CONFIG)[name]
    if name in OTHER:
        return OTHER[name]
    if info.choices:
        return next(choice for choice in reversed(info.choices) if choice != now)
    if isinstance(now, bool):
        return not now
    if isinstance(now, str):
        return 'other'
    return type(now)((now + info.maximum) / 2) if now < info.maximum else info.minimum


SETTABLE = {
    name: info
    for name, (_, info) in parameter_infos(DepthNodeConfig).items()
    if not info.read_only
}


@pytest.mark.parametrize('name', SETTABLE)
def test_what_a_parameter_affects_is_made_anew_and_nothing_else(make_host, name):
    """What affects references and frames is read for each, so that nothing is made anew."""
    loaded = []

    def load(config):
        loaded.append(config)
        return Network(config)

    host = make_host(load)
    host.start(CONFIG)
    before, refinements = host.pipeline, host.pipeline.refinements
    source, tracker = before.scale_source, before.tracker
    value = another(name, SETTABLE[name])
    host.change(*changed(**{name: value}))
    assert host.wait_idle(10)
    affects = SETTABLE[name].affects
    after = host.pipeline
    assert (len(loaded) == 2) == (affects is Affects.MODEL)
    assert parameter_values(loaded[-1])[name] == value or len(loaded) == 1
    afresh = affects in (Affects.MODEL, Affects.SCALE)
    assert (after.scale_source is not source) == afresh
    assert (after.tracker is not tracker) == afresh
    assert (after.refinements is not refinements) == (afresh or affects is Affects.REFINEMENT)


class Named(Network):
    identity = ModelIdentity('own', 'checkpoint', 'ab', 'none', 'fp32', 'cpu', (14, 14), 'none')

    def __init__(self, _):
        pass


def test_a_table_of_errors_of_other_weights_keeps_what_runs_and_says_so(make_host, tmp_path):
    table = replace(read_table(GENERIC), model='another', sha256='12' * 32)
    write_table(table, tmp_path / 'another.sigma.json')
    host = make_host(Named)
    host.start(CONFIG)
    before = host.pipeline
    host.change(*changed(sigma_table=str(tmp_path / 'another.sigma.json')))
    assert host.wait_idle(10) and host.pipeline is before
    assert "another.sigma.json' is of model 'another' with weights 1212" in host.error


def test_a_checkpoint_below_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'small.pth').write_bytes(b'')
    config = with_changes(CONFIG, {'weights': 'pretrained', 'checkpoint': '~/small.pth'})
    check_config(config)


def test_what_is_set_as_the_first_load_ends_is_not_overwritten(make_host):
    """A parameter that is set just when the lock of the start is released."""

    class Lock:
        def __init__(self):
            self.lock = threading.Lock()
            self.hooked = False

        def __enter__(self):
            self.lock.acquire()

        def __exit__(self, *_):
            self.lock.release()
            if host.pipeline is not None and not self.hooked:
                self.hooked = True
                host.change(*changed(fixed_scale=0.125))

    host = make_host()
    host._lock = Lock()
    host.start(CONFIG)
    assert depth_m(host) == pytest.approx(8.0)


def test_a_network_is_asked_for_in_the_order_in_which_it_was_set(make_host, monkeypatch):
    """The exchange is told under the lock, so that an older change is never the last."""
    load = GatedLoader()
    host = make_host(load)
    host.start(CONFIG)
    locked = []
    submit = host._exchange.submit

    def note(config):
        locked.append(host._lock.locked())
        return submit(config)

    monkeypatch.setattr(host._exchange, 'submit', note)
    host.change(*changed(input_size=70))
    assert host.wait_idle(10)
    assert (locked, host.pipeline.predictor.identity) == ([True], 70)


def test_the_name_of_a_checkpoint_does_not_refuse_what_its_sha256_may_allow(tmp_path):
    path = tmp_path / 'depth_anything_v2_metric_hypersim_vits.pth'
    path.write_bytes(b'')
    model = 'depth_anything_v2_metric_vkitti_vits'
    check_config(with_changes(CONFIG, {'model': model, 'checkpoint': str(path)}))


def test_a_checkpoint_is_read_and_fitted_once_on_its_way_into_the_node(tmp_path, monkeypatch):
    path = tmp_path / 'small.safetensors'
    parent = load_weights(MODELS['tiny'], weights='random')
    recipes = parse_chain('prune(0.5)')
    packed = compress(parent.spec, parent.state, recipes)
    write_packed(path, packed, 'tiny', recipes, parent)
    opened, narrowed = [], []
    opening, narrowing = Path.open, fit.narrow

    def note_open(self, *args, **options):
        opened.append(self)
        return opening(self, *args, **options)

    def note_narrow(*args):
        narrowed.append(args)
        narrowing(*args)

    monkeypatch.setattr(Path, 'open', note_open)
    monkeypatch.setattr(fit, 'narrow', note_narrow)
    values = {'model': 'tiny', 'checkpoint': str(path), 'backend': 'torch'}
    host = PipelineHost(lambda config: create_predictor(config.network))
    try:
        host.start(from_mapping(DepthNodeConfig, values))
        assert host.pipeline.predictor.recipe == 'prune(0.5)'
    finally:
        host.close(5)
    # For its sha256, and for its header; safetensors maps the tensors by itself.
    assert (opened.count(path), len(narrowed)) == (2, 1)
