import pytest

from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.parameters import parameter_infos
from depth_anything_ros.scale import SCALE_SOURCES, ScaleConfig, create_scale_source


@pytest.mark.parametrize('name', SCALE_SOURCES)
def test_every_source_is_made_from_the_parameters_and_knows_its_name(name):
    source = create_scale_source(ScaleConfig(scale_source=name))
    assert source is not None
    assert source.name == name
    assert callable(source.align)


def test_none_is_no_source():
    assert create_scale_source(ScaleConfig(scale_source='none')) is None


def test_an_unknown_source_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="'radar'; known: fixed, depth_image"):
        create_scale_source(ScaleConfig(scale_source='radar'))


def test_the_parameter_offers_exactly_the_sources_of_the_table():
    _, info = parameter_infos(ScaleConfig)['scale_source']
    assert set(info.choices) == {'none', *SCALE_SOURCES}
