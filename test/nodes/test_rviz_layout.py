from pathlib import Path

import pytest

from depth_anything_ros.nodes.rviz_layout import with_topics

LAYOUT = Path(__file__).resolve().parents[2] / 'rviz' / 'depth.rviz'
TOPICS = (
    '/camera/color/image_raw', '/scan', '/depth_node/points', '/depth_node/preview/image_raw',
    '/depth_node/scan',
)  # fmt: skip


def test_every_topic_of_the_layout_is_replaced_and_nothing_else():
    text = LAYOUT.read_text()
    moved = with_topics(text, {topic: f'/robot{topic}' for topic in TOPICS})
    changed = [
        (old.strip(), new.strip())
        for old, new in zip(text.splitlines(), moved.splitlines(), strict=True)
        if old != new
    ]
    assert sorted(changed) == sorted(
        (f'Value: {topic}', f'Value: /robot{topic}') for topic in TOPICS
    )


def test_a_topic_of_the_layout_that_nobody_gives_is_an_error():
    with pytest.raises(KeyError, match='/depth_node/points'):
        with_topics('    Value: /depth_node/points', {})
