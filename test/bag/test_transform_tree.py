"""Transforms of messages as they come."""

from types import SimpleNamespace

from depth_anything_ros.bag.transforms import TransformTree


def moved(second, x):
    """Return a TFMessage that tells where the base is."""
    zero = SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    transform = SimpleNamespace(translation=SimpleNamespace(x=x, y=0.0, z=0.0), rotation=zero)
    stamp = SimpleNamespace(sec=second, nanosec=0)
    header = SimpleNamespace(stamp=stamp, frame_id='odom')
    item = SimpleNamespace(header=header, child_frame_id='base', transform=transform)
    return SimpleNamespace(transforms=[item])


def test_the_newest_places_count_also_when_time_goes_back():
    tree = TransformTree('TF', 'publish it', kept=3)
    for second in range(10, 16):
        tree.add('/tf', moved(second, float(second)))
    assert tree.lookup('odom', 'base', 11 * 10**9).translation_m[0] == 13.0
    for second in range(3):  # a bag that is played again
        tree.add('/tf', moved(second, -float(second)))
        assert tree.lookup('odom', 'base', second * 10**9).translation_m[0] == -second
