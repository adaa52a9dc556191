from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in_networks import CONFIG, GatedLoader, Network, changed, depth_m

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CheckpointError, ConfigError, UnknownNameError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.recipe import compress
from depth_anything_ros.models import MODELS, fit
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.nodes.pipeline_host import PipelineHost
from depth_anything_ros.parameters import Affects, from_mapping, parameter_infos, parameter_values
from depth_anything_ros.parameters import changed as with_changes
from depth_anything_ros.stream.assembly import check_config
from depth_anything_ros.types import ModelIdentity
from depth_anything_ros.uncertainty.files import GENERIC, read_table, write_table


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


def test_values_that_did_not_change_load_and_reset_nothing(make_host):
    load = GatedLoader()
    host = make_host(load)
    host.start(CONFIG)
    pipeline = host.pipeline
    host.change(CONFIG, frozenset(parameter_infos(DepthNodeConfig)))
    assert host.wait_idle(10)
    assert len(load.warmed_up_for) == 1
    assert host.pipeline is pipeline


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
    # The table that is named is not of the network at work, which other changes leave alone.
    host.change(*changed(sigma_table=str(tmp_path / 'another.sigma.json'), scale_source='fixed'))
    assert host.wait_idle(10) and host.pipeline.scale_source.name == 'fixed'
    assert host.pipeline.uncertainty is before.uncertainty


def test_a_checkpoint_below_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'small.pth').write_bytes(b'')
    config = with_changes(CONFIG, {'weights': 'pretrained', 'checkpoint': '~/small.pth'})
    check_config(config)


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
