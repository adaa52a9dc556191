"""The SROS 2 policy allows what the running nodes do, and nothing that they do not."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from depth_anything_ros.config import node_topics

pytest.importorskip('rclpy', reason='no ROS 2 is installed')

POLICY = Path(__file__).resolve().parents[2] / 'config' / 'sros2_policy.xml'
PARAMETERS = {'weights': 'random', 'input_size': 56, 'backend': 'torch', 'warmup_width': 64}
# What some distributions of ROS 2 serve or subscribe to and others do not.
SOME = {'get_type_description', '/clock', '/parameter_events', '/rosout'}


def allowed(node: str, kind: str, right: str) -> set[str]:
    """Return the full names a policy allows a node, with `~` and relative names resolved."""
    tree = ElementTree.parse(POLICY)
    profile = tree.find(f".//profile[@node='{node}']")
    names = set()
    for group in profile.findall(f'{kind}s'):
        if group.get(right) == 'ALLOW':
            names |= {item.text for item in group.findall(kind)}
    return {
        name if name.startswith('/') else f'/{name}'
        for name in (item.replace('~', f'/{node}') for item in names)
    }


def without_some(names: set[str]) -> set[str]:
    return {name for name in names if not any(name.endswith(end) for end in SOME)}


@pytest.mark.parametrize('name', ['depth_node', 'evaluator_node'])
def test_the_policy_is_what_the_node_publishes_and_serves(world, name, tmp_path):
    parameters = PARAMETERS if name == 'depth_node' else {'output_dir': tmp_path}
    world.start(name, parameters)
    probe = world.probe()
    service = 'save_cloud' if name == 'depth_node' else 'save'
    found = probe.node.get_service_names_and_types_by_node

    def names(ask) -> set[str]:
        return {topic for topic, _ in ask(name, '/')}

    def there(ask, wanted):
        try:
            return wanted in names(ask)
        except Exception:  # noqa: BLE001 - the node is not discovered yet
            return False

    subscribed = probe.node.get_subscriber_names_and_types_by_node
    probe.spin_until(lambda: there(found, f'/{name}/{service}') and there(subscribed, '/image'))
    # Others are found a little later.
    publishes = probe.node.get_publisher_names_and_types_by_node
    for ask, wanted in (
        (publishes, allowed(name, 'topic', 'publish')),
        (found, allowed(name, 'service', 'reply')),
    ):
        expected = without_some(wanted)
        probe.spin_until(lambda: without_some(names(ask)) == expected, fail=False)  # noqa: B023
        assert without_some(names(ask)) == expected
    probe.spin(0.5)
    documented = {topic.name.replace('~', f'/{name}'): topic.type for topic in node_topics(name)}
    for ask in (subscribed, publishes):
        for topic, (kind,) in ask(name, '/'):
            known = documented.get(topic) or documented.get(topic.removeprefix('/'))
            assert known in (None, kind.replace('/msg/', '/')), topic
    # Subscriptions depend on parameters; none may be outside the policy.
    outside = without_some(names(subscribed)) - allowed(name, 'topic', 'subscribe')
    assert outside == set()
