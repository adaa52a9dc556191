from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from made_states import ACTIVE, MODEL, held_result, make_result

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.nodes.diagnostics import to_dict, to_status
from depth_anything_ros.nodes.judgement import NodeState, judge
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.result import DepthOrigin, FusedDepth
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.stream.sections import sigma_section
from depth_anything_ros.types import Camera, MetricDepth, ModelIdentity, ScaleState


def judged(state, statistics):
    level, message = judge(state, statistics.snapshot(), recent_s=5.0)
    return level, message


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
    assert statistics.snapshot().error.text == "unknown encoding 'x'"


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


def test_what_takes_minutes_of_loading_and_building_is_told(statistics):
    statistics.count('received')
    work = 'building the TensorRT engine, which takes minutes'
    loading = NodeState('configuring', '/i', loading='tiny', long_work=work)
    assert judged(loading, statistics)[1] == f'not active but configuring, loading tiny: {work}'
    building = NodeState('active', '/i', MODEL, building='1280x720', long_work=work)
    assert judged(building, statistics)[1].endswith(f', which wait for it: {work}')
    read = to_dict(to_status('depth_node', building, statistics.snapshot(), 5.0))
    assert read['long_work'] == work


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


def test_fused_depth_that_is_missing_says_why(statistics):
    statistics.count('received')
    statistics.processed({}, [])
    result = make_result(no_fused_reason='no reference depth received yet')
    state = replace(ACTIVE, last_result=result)
    assert judged(state, statistics) == (
        DiagnosticStatus.WARN,
        'no fused depth: no reference depth received yet',
    )


def test_fused_depth_tells_its_shares_and_warns_of_a_sensor_that_is_not_believed(statistics):
    statistics.count('received')
    statistics.processed({}, [])
    origin = np.full((2, 10), DepthOrigin.MEASURED, np.uint8)
    origin[0, :5] = DepthOrigin.FILLED
    origin[0, 5:7] = DepthOrigin.BEYOND
    for refused, warned in ((1, ''), (3, '19% of the measured depth is refused')):
        fused = FusedDepth(np.ones((2, 10), np.float32), origin, refused)
        state = replace(ACTIVE, last_result=make_result(fused=fused))
        assert warned in judged(state, statistics)[1]
    section = to_dict(to_status('n', state, statistics.snapshot(), 5.0))['fused']
    assert section == {
        'unknown': '0', 'measured': '0.65', 'filled': '0.25', 'beyond': '0.1',
        'refused_pixels': '3',
    }  # fmt: skip


def test_uncertainty_is_told_with_what_max_sigma_leaves_out_and_warned_of(statistics):
    statistics.count('received')
    statistics.processed({}, [])
    depth_m = np.full((8, 40), 2.0, np.float32)
    sigma = np.full((8, 40), 0.2, np.float32)
    sigma[:, :24] = 1.0
    result = make_result(metric=MetricDepth(depth_m), sigma=sigma)
    for max_sigma, left_out, warned in (
        (0.0, None, ''),
        (0.3, '0.6', 'max_sigma and ground_sigmas leave out 60% of the depth, whose median uncer'),
        (0.6, '0', ''),
    ):
        config = from_mapping(DepthNodeConfig, {'max_sigma': max_sigma})
        state = replace(ACTIVE, last_result=result, sigma=sigma_section(result, config))
        told = judged(state, statistics)[1]
        assert told.startswith(warned or 'active')
        section = to_dict(to_status('n', state, statistics.snapshot(), 5.0))['sigma']
        assert (section['median_share'], section.get('left_out')) == ('0.5', left_out)


@pytest.mark.parametrize(
    ('camera', 'height_m', 'left_out'),
    [
        # Out stay the less certain 24 columns of the first row, and the second, near the ground.
        (Camera(40, 8, 20.0, 20.0, 19.5, -10.0), 1.2, (24 + 40) / 320),
        # Told too high, most of it seems to stand above the ground, and is not certain to.
        (Camera(40, 8, 20.0, 20.0, 19.5, -10.0), 1.9, (4 * 24 + 40) / 320),
        (None, 1.2, None),
    ],
)
def test_what_ground_sigmas_leaves_out_is_told_where_the_camera_is_known(
    camera, height_m, left_out
):
    sigma = np.full((8, 40), 0.2, np.float32)
    sigma[:, :24] = 1.0
    metric = MetricDepth(np.full((8, 40), 2.0, np.float32))
    result = make_result(metric=metric, sigma=sigma, predicted_camera=camera)
    config = from_mapping(DepthNodeConfig, {'ground_sigmas': 1.0, 'camera_height_m': height_m})
    told = sigma_section(result, config)
    assert told.pop('median_share') == 0.5
    assert told == ({} if left_out is None else {'left_out': pytest.approx(left_out)})


def test_uncertainty_that_is_missing_says_why(statistics):
    statistics.count('received')
    statistics.processed({}, [])
    result = make_result(no_sigma_reason='the table is of other weights')
    assert sigma_section(result, DepthNodeConfig()) == {}
    state = replace(ACTIVE, last_result=result)
    assert judged(state, statistics)[1] == 'no sigma: the table is of other weights'
