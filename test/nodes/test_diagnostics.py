import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from depth_anything_ros.nodes.diagnostics import (
    RATE_WINDOW_S,
    NodeState,
    RunStatistics,
    alignment_section,
    judge,
    key_values,
    to_dict,
    to_status,
)
from depth_anything_ros.nodes.outputs import scale_message
from depth_anything_ros.types import (
    Alignment,
    DepthResult,
    Frame,
    ModelIdentity,
    RelativeInverseDepth,
    ScaleState,
)

MODEL = ModelIdentity(
    'depth_anything_v2_vits',
    'pretrained',
    'ab12',
    'torch',
    'fp32',
    'cpu',
    (518, 686),
    'Apache-2.0',
    '8-bit weights in 50 layers',
    'relative inverse depth',
)
RELATIVE = RelativeInverseDepth(np.ones((2, 2), np.float32))
ACTIVE = NodeState('active', '/camera/image', MODEL)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return RunStatistics(clock)


def make_result(**fields) -> DepthResult:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 2_000_000_000, 'camera')
    values = {'relative': None, 'alignment': None, 'metric': None, **fields}
    return DepthResult(frame, **values)


def judged(state, statistics):
    level, message = judge(state, statistics.snapshot(), recent_s=5.0)
    return level, message


def test_frames_and_outputs_are_counted(statistics):
    for _ in range(3):
        statistics.count('received')
    statistics.count('dropped')
    statistics.reject('too short')
    statistics.processed({'inference': 10.0}, ['points', 'depth'])
    snapshot = statistics.snapshot()
    assert snapshot.frames == {
        'received': 3,
        'processed': 1,
        'dropped': 1,
        'rejected': 1,
        'unwatched': 0,
    }
    assert snapshot.published == {'points': 1, 'depth': 1}
    statistics.reset()
    assert set(statistics.snapshot().frames.values()) == {0}


def test_rate_is_that_of_the_last_seconds(statistics, clock):
    for _ in range(100):
        clock.now_s += 0.1
        statistics.processed({}, [])
    assert statistics.snapshot().rate_hz == pytest.approx(10.0)
    clock.now_s += RATE_WINDOW_S + 0.1
    assert statistics.snapshot().rate_hz == 0.0


def test_stage_percentiles_are_those_of_all_frames(statistics):
    for value in range(1, 102):
        statistics.processed({'inference': float(value)}, [])
    stages = statistics.snapshot().stages_ms
    assert stages['inference'] == {'p50': 51.0, 'p95': 96.0, 'p99': 100.0, 'max': 101.0}


def test_level_is_ok_only_when_nothing_is_missing(statistics):
    statistics.count('received')
    statistics.processed({}, [])
    assert judged(ACTIVE, statistics) == (DiagnosticStatus.OK, 'active')


def test_absence_of_images_is_told_with_the_topic(statistics, clock):
    assert judged(ACTIVE, statistics) == (
        DiagnosticStatus.WARN,
        'no images yet on /camera/image',
    )
    statistics.count('received')
    clock.now_s += 7.0
    assert judged(ACTIVE, statistics)[1] == 'no images on /camera/image for 7 s'


def test_an_error_is_news_for_a_while(statistics, clock):
    statistics.reject("unknown encoding 'x'")
    statistics.count('received')
    assert "unknown encoding 'x'" in judged(ACTIVE, statistics)[1]
    clock.now_s += 5.1
    statistics.count('received')
    assert judged(ACTIVE, statistics) == (DiagnosticStatus.OK, 'active')
    assert statistics.snapshot().last_error == "unknown encoding 'x'"


def test_a_rejected_reference_is_counted_apart_from_frames_and_told(statistics, clock):
    statistics.count('received')
    statistics.reference()
    statistics.reference("encoding 'nv99' is no depth")
    assert judged(ACTIVE, statistics) == (
        DiagnosticStatus.WARN,
        "last reference rejected: encoding 'nv99' is no depth",
    )
    read = to_dict(to_status('depth_node', ACTIVE, statistics.snapshot(), 5.0))
    assert (read['references']['received'], read['references']['rejected']) == ('2', '1')
    assert read['references']['last_error'] == "encoding 'nv99' is no depth"
    assert read['frames']['rejected'] == '0'
    clock.now_s += 5.1
    statistics.count('received')
    assert judged(ACTIVE, statistics) == (DiagnosticStatus.OK, 'active')


def test_a_reference_that_waits_for_tf_is_told_until_one_is_taken(statistics):
    statistics.count('received')
    statistics.early_reference("scan: TF does not connect 'laser'")
    level, message = judged(ACTIVE, statistics)
    assert level == DiagnosticStatus.WARN
    assert message == "reference waits for TF: scan: TF does not connect 'laser'"
    statistics.reference()
    assert judged(ACTIVE, statistics) == (DiagnosticStatus.OK, 'active')
    read = to_dict(to_status('depth_node', ACTIVE, statistics.snapshot(), 5.0))
    assert (read['references']['early'], read['references']['rejected']) == ('1', '0')


def test_a_hint_about_the_image_and_a_load_are_told(statistics):
    hinted = NodeState('active', '/i', MODEL, image_hint='nobody publishes it')
    assert judged(hinted, statistics)[1] == 'no images yet on /i: nobody publishes it'
    statistics.count('received')
    building = NodeState('active', '/i', MODEL, building='1280x720', cache_problem='no room')
    assert judged(building, statistics) == (
        DiagnosticStatus.WARN,
        'building the network for images of 1280x720, which wait for it',
    )
    read = to_dict(to_status('depth_node', building, statistics.snapshot(), 5.0))
    assert (read['building'], read['cache_problem']) == ('1280x720', 'no room')
    loading = NodeState('configuring', '/i', loading='tiny')
    assert judged(loading, statistics)[1] == 'not active but configuring, loading tiny'


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        (
            {'no_camera_reason': 'K[0] = 0', 'no_camera_outputs': ('point cloud', 'laser scan')},
            'no point cloud or laser scan: K[0] = 0',
        ),
        (
            {'no_camera_reason': 'no frame', 'no_camera_outputs': ('laser scan',)},
            'no laser scan: no frame',
        ),
        ({'last_result': make_result(no_metric_reason='too few points')}, 'too few points'),
        ({'model_error': 'could not load x'}, 'kept depth_anything_v2_vits: could not load x'),
        ({'lifecycle': 'inactive'}, 'not active but inactive'),
    ],
)
def test_what_is_missing_is_a_warning_with_the_reason(statistics, fields, words):
    statistics.count('received')
    statistics.processed({}, [])
    state = NodeState(**{'lifecycle': 'active', 'image_topic': '/i', 'model': MODEL, **fields})
    level, message = judged(state, statistics)
    assert level == DiagnosticStatus.WARN
    assert words in message


def test_random_weights_are_always_told(statistics):
    statistics.count('received')
    random = ModelIdentity(**{**vars(MODEL), 'weights': 'random', 'sha256': ''})
    level, message = judged(NodeState('active', '/i', random), statistics)
    assert (level, message) == (
        DiagnosticStatus.WARN,
        'random weights: the depth means nothing',
    )


def test_a_node_without_a_model_is_in_error(statistics):
    state = NodeState('unconfigured', '/i', failure="no checkpoint file 'x.pth'")
    level, message = judged(state, statistics)
    assert level == DiagnosticStatus.ERROR
    assert "no checkpoint file 'x.pth'" in message


def test_what_one_node_writes_another_reads_by_the_same_names(statistics):
    statistics.count('received')
    statistics.processed({'inference': 12.5, 'decode': 1.0}, ['depth/image_raw'])
    alignment = Alignment(2.0, 0.25, 'depth_image', 9000, 0.75, 0.01, 1_500_000_000)
    state = NodeState('active', '/i', MODEL, last_result=make_result(alignment=alignment))
    read = to_dict(to_status('depth_node', state, statistics.snapshot(), 5.0))
    assert read['model'] == {
        'name': 'depth_anything_v2_vits',
        'weights': 'pretrained',
        'sha256': 'ab12',
        'backend': 'torch',
        'precision': 'fp32',
        'device': 'cpu',
        'input_size': '518x686',
        'licence': 'Apache-2.0',
        'integers': '8-bit weights in 50 layers',
        'output': 'relative inverse depth',
    }
    assert read['frames']['received'] == '1'
    assert read['published'] == {'depth/image_raw': '1'}
    assert read['stages_ms']['inference'] == {
        'p50': '12.5',
        'p95': '12.5',
        'p99': '12.5',
        'max': '12.5',
    }
    assert read['scale']['scale'] == '2'
    assert read['scale']['age_s'] == '0.5'


def test_keys_join_sections_by_dots():
    pairs = key_values({'a': {'b': 0.125, 'c': {'d': None}}, 'e': True, 'f': {}})
    assert {pair.key: pair.value for pair in pairs} == {'a.b': '0.125', 'a.c.d': '', 'e': 'True'}


def held_result(state, reason='no laser scan received yet'):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 3_000_000_000, 'camera')
    fit = Alignment(0.2, 0.1, 'laser_scan', 90, 0.8, 0.005, 1_000_000_000)
    return DepthResult(frame, RELATIVE, fit, None, scale_state=state, no_fit_reason=reason)


def test_a_scale_is_shown_with_its_state_age_and_error_at_two_metres():
    section = alignment_section(held_result(ScaleState.HELD))
    assert section == {
        'state': 'held',
        'source': 'laser_scan',
        'scale': 0.2,
        'shift': 0.1,
        'points': 90,
        'inlier_ratio': 0.8,
        'residual': 0.005,
        'residual_cm_at_2m': pytest.approx(2.0),
        'age_s': 2.0,
    }


@pytest.mark.parametrize(
    ('state', 'level'),
    [
        (ScaleState.FITTED, DiagnosticStatus.OK),
        (ScaleState.HELD, DiagnosticStatus.WARN),
        (ScaleState.STALE, DiagnosticStatus.WARN),
    ],
)
def test_the_scale_message_warns_unless_it_is_of_its_frame(state, level):
    status = scale_message(held_result(state), Header()).status[0]
    assert (status.level, status.message) == (level, state.value)
    assert status.values[-1].value == 'no laser scan received yet'


def test_without_a_scale_the_message_is_an_error_and_says_why():
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 'camera')
    result = DepthResult(frame, RELATIVE, None, None, 'nothing', no_fit_reason='nothing')
    status = scale_message(result, Header()).status[0]
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, 'no scale')
    assert [(pair.key, pair.value) for pair in status.values] == [('no_fit_reason', 'nothing')]


def test_a_stale_scale_is_a_warning_with_the_reason():
    state = NodeState('active', '/image', last_result=held_result(ScaleState.STALE))
    statistics = RunStatistics()
    statistics.count('received')
    statistics.processed({}, ())
    level, message = judge(state, statistics.snapshot(), 5.0)
    assert level == DiagnosticStatus.WARN
    assert 'stale scale: no laser scan received yet' in message


def test_traps_and_sources_that_were_passed_over_are_warnings():
    traps = ("frame 'camera_link' has more than one parent",)
    result = held_result(ScaleState.FITTED, '')
    state = NodeState(
        'active', '/image', last_result=result, passed_over='laser_scan: turned', traps=traps
    )
    statistics = RunStatistics()
    statistics.count('received')
    statistics.processed({}, ())
    level, message = judge(state, statistics.snapshot(), 5.0)
    assert level == DiagnosticStatus.WARN
    assert message == f'scale from a fallback: laser_scan: turned; {traps[0]}'
    values = to_dict(to_status('node', state, statistics.snapshot(), 5.0))
    assert (values['passed_over'], values['traps']) == ('laser_scan: turned', traps[0])
