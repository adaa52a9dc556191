import pytest
import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.parameter import Parameter

from depth_anything_ros.config import BagPlayerConfig, DepthNodeConfig, EvaluatorConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.nodes.parameters import declare_parameters, updated
from depth_anything_ros.parameters import parameter_infos


@pytest.fixture
def make_node():
    context = rclpy.Context()
    context.init(domain_id=87)
    nodes = []

    def make(**overrides):
        node = rclpy.create_node(
            'parameters_test',
            context=context,
            parameter_overrides=[
                Parameter(name, value=value) for name, value in overrides.items()
            ],
        )
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize('config', [DepthNodeConfig, EvaluatorConfig, BagPlayerConfig])
def test_all_parameters_are_declared_with_default_help_and_flags(make_node, config):
    node = make_node()
    assert declare_parameters(node, config) == (config(), ())
    for name, (default, info) in parameter_infos(config).items():
        value = node.get_parameter(name).value
        assert (tuple(value) if isinstance(default, tuple) else value) == default
        descriptor: ParameterDescriptor = node.describe_parameter(name)
        assert descriptor.description.startswith(info.help)
        assert info.unit in descriptor.description
        assert descriptor.read_only == info.read_only
        assert all(choice in descriptor.additional_constraints for choice in info.choices)


def test_overrides_are_taken_and_whole_numbers_pass_for_floats(make_node):
    config, _ = declare_parameters(make_node(max_depth_m=5, cloud_stride=4), DepthNodeConfig)
    assert (config.max_depth_m, config.cloud_stride) == (5.0, 4)
    assert isinstance(config.max_depth_m, float)


def test_an_override_that_is_no_choice_is_refused(make_node):
    with pytest.raises(ConfigError, match="'jet'.*Spectral_r, viridis"):
        declare_parameters(make_node(preview_colormap='jet'), DepthNodeConfig)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('cloud_stride', 65, '1'),
        ('max_depth_m', -1.0, '0.1'),
        ('max_depth_m', 'far', 'str'),
        ('autostart', False, 'read-only'),
    ],
)
def test_wrong_values_are_refused_with_a_reason(make_node, name, value, reason):
    node = make_node()
    config, _ = declare_parameters(node, DepthNodeConfig)

    def check(parameters):
        from rcl_interfaces.msg import SetParametersResult

        try:
            updated(config, parameters)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    assert reason in result.reason


def test_updated_takes_ours_and_leaves_others_alone():
    parameters = [Parameter('cloud_stride', value=2), Parameter('use_sim_time', value=True)]
    config, names = updated(DepthNodeConfig(), parameters)
    assert config == DepthNodeConfig(cloud_stride=2)
    assert names == {'cloud_stride'}
