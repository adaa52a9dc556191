from depth_anything_ros.refinement import (
    EdgeFilter,
    RefinementConfig,
    Refinements,
    TemporalFilter,
    create_refinements,
)


def test_everything_is_off_by_default():
    assert create_refinements(RefinementConfig()) == Refinements(False, (), ())


def test_each_parameter_switches_its_own_step_on():
    assert create_refinements(RefinementConfig(flip_augmentation=True)) == Refinements(flip=True)
    edges = create_refinements(RefinementConfig(edge_filter_px=6))
    assert [type(step) for step in edges.prediction] == [EdgeFilter]
    assert (edges.flip, edges.metric) == (False, ())
    smooth = create_refinements(RefinementConfig(temporal_smoothing_s=0.3))
    assert [type(step) for step in smooth.metric] == [TemporalFilter]
    assert (smooth.flip, smooth.prediction) == (False, ())
