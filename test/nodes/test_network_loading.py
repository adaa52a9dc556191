"""What loads networks beside the one that runs."""

import threading

import pytest
from stand_in_networks import CONFIG, GatedLoader, Network, changed, depth_m

from depth_anything_ros.errors import CheckpointError, DepthAnythingError
from depth_anything_ros.parameters import changed as with_changes


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
