import json
import math

import pytest

from depth_anything_ros.errors import ConfigError, GateError
from depth_anything_ros.evaluation.config import EvaluatorConfig
from depth_anything_ros.evaluation.gate import (
    RUN,
    Gate,
    Naming,
    figures_in,
    plain,
    run_figures,
)
from depth_anything_ros.evaluation.run import RunEvaluation

PLAIN = Naming(('', 'metrics.'), lambda content: {(): figures_in(content)})
PROTOCOL = {'name': 'robot', 'alignment': 'scale_shift', 'min_depth_m': 0.2}
KNOWN = {(): {'metrics.abs_rel': math.nan, 'frames.dropped': math.nan, 'rate_hz': math.nan}}


@pytest.fixture
def gate(tmp_path):
    def gate(*bounds, known=KNOWN, naming=PLAIN, baseline=None, protocol=PROTOCOL):
        lines = [f'baseline: {baseline}'] if baseline else []
        lines += ['bounds:', *(f'  - {bound}' for bound in bounds)]
        (tmp_path / 'gate.yaml').write_text('\n'.join(lines))
        return Gate(tmp_path / 'gate.yaml', known, naming, protocol)

    return gate


def breaches(gate, **figures):
    names = {'abs_rel': 'metrics.abs_rel', 'dropped': 'frames.dropped', 'rate': 'rate_hz'}
    try:
        gate.check({(): {names[name]: value for name, value in figures.items()}})
    except GateError as error:
        return list(error.breaches)
    return []


def test_bounds_that_are_kept_say_nothing(gate):
    made = gate('abs_rel <= 0.12', 'frames.dropped == 0', 'rate_hz > 9.5', 'rate_hz<20')
    assert breaches(made, abs_rel=0.12, dropped=0, rate=10) == []


def test_each_breach_is_told_with_by_how_much(gate):
    made = gate('abs_rel <= 0.12', 'frames.dropped == 0', 'rate_hz >= 10')
    assert breaches(made, abs_rel=0.15, dropped=2, rate=8) == [
        'metrics.abs_rel is 0.15, 0.03 (25.0%) too high; allowed: <= 0.12',
        'frames.dropped is 2, 2 too high; allowed: == 0',
        'rate_hz is 8, 2 (20.0%) too low; allowed: >= 10',
    ]


@pytest.mark.parametrize('relation', ['<=', '>=', '==', '<', '>'])
def test_what_is_not_known_keeps_no_bound(gate, relation):
    made = gate(f'abs_rel {relation} 0.12')
    told = [f'metrics.abs_rel is not known; allowed: {relation} 0.12']
    assert breaches(made, abs_rel=math.nan) == told
    assert breaches(made) == told


def test_bounds_may_follow_from_an_earlier_run(gate, tmp_path):
    earlier = {
        'metrics': {'abs_rel': 0.1}, 'frames': {'dropped': 3}, 'rate_hz': 10,
        'protocol': PROTOCOL,
    }  # fmt: skip
    (tmp_path / 'old.json').write_text(json.dumps(earlier))
    made = gate(
        'abs_rel <= baseline * 1.05', 'frames.dropped <= baseline', 'rate_hz >= baseline - 0.5',
        'rate_hz <= baseline + 2', baseline='old.json',
    )  # fmt: skip
    assert breaches(made, abs_rel=0.105, dropped=3, rate=9.5) == []
    (one, two, three) = breaches(made, abs_rel=0.11, dropped=4, rate=9)
    assert one == 'metrics.abs_rel is 0.11, 0.005 (4.8%) too high; allowed: <= 0.105'
    assert two.endswith('too high; allowed: <= 3')
    assert three.endswith('too low; allowed: >= 9.5')


def test_a_bound_without_a_place_holds_for_each_thing_and_with_one_for_that(gate):
    known = {('a', 'x'): {'metrics.abs_rel': 0.1}, ('b', 'x'): {'metrics.abs_rel': 0.3}}
    with pytest.raises(GateError) as error:
        gate('abs_rel <= 0.2', known=known).check(known)
    assert error.value.breaches == (
        'metrics.abs_rel of b of x is 0.3, 0.1 (50.0%) too high; allowed: <= 0.2',
    )
    gate('abs_rel of a <= 0.2', known=known).check(known)
    with pytest.raises(GateError, match='b of x is 0.3'):
        gate('abs_rel of b <= 0.2', known=known).check(known)
    with pytest.raises(ConfigError, match="nothing is called 'c'; known: a, x, b"):
        gate('abs_rel of c <= 0.2', known=known)


def test_the_baseline_of_another_model_on_the_same_data_counts(gate, tmp_path):
    naming = Naming(('',), lambda content: {('old', 'x'): content, ('old', 'y'): {'abs_rel': 9}})
    (tmp_path / 'old.json').write_text(json.dumps({'abs_rel': 0.2, 'protocol': PROTOCOL}))
    known = {('new', 'x'): {'abs_rel': 0.25}}
    made = gate('abs_rel <= baseline', known=known, naming=naming, baseline='old.json')
    with pytest.raises(GateError, match=r'0\.05 \(25\.0%\) too high; allowed: <= 0\.2'):
        made.check(known)


@pytest.mark.parametrize(
    ('bound', 'problem'),
    [
        ('abs_rl <= 1', r"there is no figure 'abs_rl'; near it: .*abs_rel"),
        ('abs_rel = 1', r"'abs_rel = 1' is not a bound; write it as 'NAME <= NUMBER'"),
        ('abs_rel <= much', 'is not a bound'),
        ('abs_rel =< 1', "'abs_rel =< 1' has '=<'; write '<='"),
        ('abs_rel ≥ 1', "has '≥'; write '>='"),
        ('abs_rel != 1', "has '!='; a bound has one of <=, >=, ==, < and >"),
        ('abs_rel <= nan', 'is not a bound'),
        ('abs_rel <= baseline * 0', 'is not a bound'),
        ('abs_rel <= baseline / 2', 'is not a bound'),
        ('{abs_rel: 1}', 'is not a bound'),
        ('abs_rel <= baseline', "a bound names the baseline; add 'baseline: PATH"),
    ],
)
def test_a_bound_that_cannot_be_checked_is_told_at_once(gate, bound, problem):
    with pytest.raises(ConfigError, match=problem):
        gate(bound)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('- abs_rel <= 1', 'is not a table of baseline and bounds'),
        ('bound: [abs_rel <= 1]', "has a key 'bound' that nobody reads; 'bounds' is meant"),
        ('baselin: x\nbounds: [a <= 1]', "has a key 'baselin' that nobody reads; 'baseline' is"),
        ('limit: 1', "has a key 'limit' that nobody reads; known: baseline, bounds"),
        ('', "is empty; it needs a list 'bounds' of lines as"),
        ('bounds: abs_rel <= 1', "has no list 'bounds' of lines as"),
        ('bounds: []', "has no list 'bounds' of lines as"),
        ('bounds: [', 'cannot be read'),
        ('\x00', 'cannot be read'),
        (None, 'cannot be read: .*No such file'),
    ],
)
def test_a_file_that_holds_no_bounds_is_told(tmp_path, text, problem):
    path = tmp_path / 'gate.yaml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        Gate(path, KNOWN, PLAIN, PROTOCOL)


@pytest.mark.parametrize('unknown', ['null', 'NaN', 'Infinity', '"0.1"', 'true'])
def test_a_baseline_that_does_not_know_the_figure_is_told(gate, tmp_path, unknown):
    text = json.dumps(PROTOCOL)
    (tmp_path / 'old.json').write_text(
        f'{{"metrics": {{"abs_rel": {unknown}}}, "protocol": {text}}}'
    )
    with pytest.raises(ConfigError, match=r"the baseline '.*old.json' has no metrics.abs_rel"):
        gate('abs_rel <= baseline', baseline='old.json')


def test_the_folder_of_a_run_is_a_baseline_too(gate, tmp_path):
    (tmp_path / 'old run').mkdir()
    content = {'metrics': {'abs_rel': 0.1}, 'protocol': PROTOCOL}
    (tmp_path / 'old run' / 'summary.json').write_text(json.dumps(content))
    made = gate('abs_rel <= baseline', baseline='old run')
    assert 'too high; allowed: <= 0.1' in breaches(made, abs_rel=0.2)[0]


@pytest.mark.parametrize('content', ['{}', '[]', '{"metrics": {"abs_rel": null}}', '{', None])
def test_a_baseline_without_the_figure_is_told(gate, tmp_path, content):
    if content is not None:
        (tmp_path / 'old.json').write_text(content)
    with pytest.raises(ConfigError, match='the baseline '):
        gate('abs_rel <= baseline', baseline='old.json')


def test_a_run_of_nodes_has_its_figures_before_it_begins(gate):
    known = run_figures(RunEvaluation(EvaluatorConfig()).summary())
    made = gate(
        'abs_rel <= 0.12', 'scale_shift.delta1 >= 0.9', 'latency_ms.p95 <= 150',
        'frames.dropped == 0', 'stages_ms.inference.p95 <= 80', 'rate_hz >= 5',
        known=known, naming=RUN,
    )  # fmt: skip
    with pytest.raises(GateError) as error:
        made.check({(): {'metrics.online.abs_rel': 0.1, 'frames.dropped': 0}})
    assert [breach.partition(' is not known')[0] for breach in error.value.breaches] == [
        'metrics.scale_shift.delta1', 'latency_ms.p95', 'stages_ms.inference.p95', 'rate_hz',
    ]  # fmt: skip


EARLIER = {'metrics': {'abs_rel': 0.12, 'images': 6, 'truth_mean_m': 2.0}, 'protocol': PROTOCOL}


@pytest.fixture
def followed(gate, tmp_path):
    """Return what makes a gate that follows an earlier run, with parts of its protocol changed."""

    def followed(*bounds, protocol=PROTOCOL, **changed):
        earlier = {**EARLIER, 'protocol': {**PROTOCOL, **changed}}
        (tmp_path / 'old.json').write_text(json.dumps(earlier))
        known = {('tiny', 'x'): {'metrics.abs_rel': 0.1, 'metrics.images': 6, 'latency_ms.p95': 9}}
        naming = Naming(
            ('', 'metrics.'),
            lambda content: {('tiny', 'x'): {**figures_in(content), 'latency_ms.p95': 9}},
            unscored=('failed',),
        )
        return gate(*bounds, known=known, naming=naming, baseline='old.json', protocol=protocol)

    return followed


@pytest.mark.parametrize(
    ('changed', 'told'),
    [
        ({'alignment': 'none'}, 'scored with alignment scale_shift, .* with alignment none'),
        ({'min_depth_m': 0.5}, 'scored with min_depth_m 0.2, .* with min_depth_m 0.5'),
        ({'crop': {'top': 0.1}}, 'scored without crop, .* with crop top 0.1'),
    ],
)
def test_a_baseline_that_was_scored_otherwise_is_refused(followed, changed, told):
    with pytest.raises(ConfigError, match=told):
        followed('abs_rel <= baseline', **changed)
    # Nothing of it is asked for.
    followed('abs_rel <= 0.5', **changed)


def test_a_baseline_may_differ_in_what_its_figures_do_not_depend_on(followed):
    others = {'name': 'raw', 'latency_from': 'image', 'metrics': ['edge_f1'], 'obstacles': {}}
    followed('abs_rel <= baseline', **others)
    with pytest.raises(ConfigError, match='without latency_from, .* with latency_from image'):
        followed('latency_ms.p95 <= baseline', **others)
    with pytest.raises(ConfigError, match='without mounting'):
        followed('abs_rel <= baseline', protocol=PROTOCOL | {'obstacles': {}},
                 obstacles={}, mounting=[1])  # fmt: skip
    told = 'without mounting, .* with mounting height_m 0.3, pitch_deg 30;'
    with pytest.raises(ConfigError, match=told):
        followed('abs_rel <= baseline', protocol=PROTOCOL | {'obstacles': {}}, obstacles={},
                 mounting={'height_m': 0.3, 'pitch_rad': math.pi / 6})  # fmt: skip


def figures(**values):
    return {('tiny', 'x'): {f'metrics.{name}': value for name, value in values.items()}}


def test_a_baseline_of_other_images_breaks_the_bound(followed):
    made = followed('abs_rel <= baseline', 'abs_rel >= baseline * 0.1')
    assert made.check(figures(abs_rel=0.1, images=6, truth_mean_m=2.0)) == []
    with pytest.raises(GateError) as error:
        made.check(figures(abs_rel=0.083, images=2, truth_mean_m=1.5))
    assert error.value.breaches == (
        'metrics.images of tiny of x is 2, in the baseline 6: the figures are of other images; '
        "make the baseline anew, or say how many there have to be, as 'metrics.images >= baseline "
        "* 0.9'",
    )
    with pytest.raises(GateError, match=r'truth_mean_m of tiny of x is 1\.5, in the baseline 2:'):
        made.check(figures(abs_rel=0.1, images=6, truth_mean_m=1.5))


def test_how_many_images_a_baseline_may_have_more_can_be_said(followed):
    made = followed('abs_rel <= baseline', 'images >= baseline * 0.9')
    assert made.check(figures(abs_rel=0.1, images=5.5, truth_mean_m=1.5)) == []
    with pytest.raises(GateError, match=r'metrics\.images .* too low; allowed: >= 5\.4'):
        made.check(figures(abs_rel=0.1, images=2, truth_mean_m=1.5))


def test_images_without_a_score_are_told_where_no_bound_limits_them(followed):
    failed = {('tiny', 'x'): {'metrics.abs_rel': 0.1, 'failed': 4}}
    (told,) = followed('abs_rel <= 0.5').check(failed)
    assert 'is met, but failed of tiny of x is 4: images in no mean' in told
    assert "'failed == 0' would catch" in told


def test_a_breach_names_what_it_is_of_as_a_bound_may(followed):
    assert followed('abs_rel of tiny of x <= 0.5').check(figures(abs_rel=0.1)) == []


def test_a_run_of_nodes_is_held_against_one_of_its_own_range_only(tmp_path):
    def summary(**changed):
        return RunEvaluation(EvaluatorConfig(**changed)).summary()

    earlier = plain(summary())
    earlier['metrics']['online'] |= {'abs_rel': 0.1, 'frames': 4}
    (tmp_path / 'old.json').write_text(json.dumps(earlier))
    path = tmp_path / 'gate.yaml'
    path.write_text('baseline: old.json\nbounds: [abs_rel <= baseline]')
    now = summary(pairing_tolerance_s=0.05)
    made = Gate(path, run_figures(now), RUN, plain(now.protocol))
    with pytest.raises(
        GateError, match=r'online\.frames is 3, in the baseline 4: the figures are'
    ):
        made.check({(): {'metrics.online.abs_rel': 0.05, 'metrics.online.frames': 3}})
    other = summary(max_depth_m=5.0)
    with pytest.raises(ConfigError, match=r'with max_depth_m 5\.0, the baseline .* 8\.0; only'):
        Gate(path, run_figures(other), RUN, plain(other.protocol))
