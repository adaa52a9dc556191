import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, CameraError, ConfigError
from depth_anything_ros.scale import PrioritySources, ScaleConfig, create_scale_source, find_source
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.fixed import FixedScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.types import RelativeInverseDepth

RELATIVE = RelativeInverseDepth(np.ones((4, 4), np.float32))


class Failing:
    name = 'failing'

    def align(self, relative, stamp_ns, camera=None):
        raise AlignmentError('nothing there')


def test_the_first_source_that_has_a_scale_is_taken():
    alignment = PrioritySources([Failing(), FixedScale(2.0), FixedScale(3.0)]).align(RELATIVE, 5)
    assert (alignment.scale, alignment.source) == (2.0, 'fixed')


def test_it_is_told_why_a_preferred_source_was_passed_over():
    first = Failing()
    sources = PrioritySources([first, FixedScale(2.0)])
    sources.align(RELATIVE, 5)
    assert sources.passed_over == 'failing: nothing there'
    first.align = FixedScale(1.0).align
    sources.align(RELATIVE, 6)
    assert sources.passed_over == ''


def test_without_any_scale_the_reasons_of_all_are_given():
    with pytest.raises(AlignmentError, match='failing: nothing there; failing: nothing there'):
        PrioritySources([Failing(), Failing()]).align(RELATIVE, 5)


def test_the_parameters_name_sources_by_priority():
    config = ScaleConfig(
        scale_source='depth_image', scale_fallbacks='laser_scan, fixed,depth_image'
    )
    assert config.names == ('depth_image', 'laser_scan', 'fixed')
    made = create_scale_source(config)
    assert [type(source) for source in made.sources] == [
        DepthImageScale,
        LaserScanScale,
        FixedScale,
    ]
    assert find_source(made, LaserScanScale) is made.sources[1]
    assert find_source(made.sources[0], LaserScanScale) is None


def test_without_source_there_are_no_fallbacks():
    assert create_scale_source(ScaleConfig(scale_fallbacks='fixed')) is None


def test_an_unknown_fallback_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="unknown value 'sonar'; known: fixed"):
        ScaleConfig(scale_fallbacks='laser_scan,sonar')


def test_a_camera_that_one_source_cannot_use_leaves_the_others():
    first = Failing()

    def without_camera(*_):
        raise CameraError('unknown distortion')

    first.align = without_camera
    sources = PrioritySources([first, FixedScale(2.0)])
    assert sources.align(RELATIVE, 5).scale == 2.0
    assert sources.passed_over == 'failing: unknown distortion'
