"""The layout of RViz with the topics that are there."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOPIC = re.compile(r'^( +Value: )(/\S+)$', re.MULTILINE)


def with_topics(layout: str, topics: Mapping[str, str]) -> str:
    """
    Return a layout of RViz whose displays show other topics.

    :param layout: the text of a .rviz file.
    :param topics: topic in the layout → full name of the topic to show, for each that it has.
    """
    return _TOPIC.sub(lambda line: line[1] + topics[line[2]], layout)
