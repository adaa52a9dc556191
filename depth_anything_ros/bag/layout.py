"""Whether a message type of ROS 1 and the ROS 2 one of its name lay out the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rosbags.interfaces import Nodetype

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore


def same_layout(one: Typestore, other: Typestore, name: str, other_name: str) -> bool:
    """
    Return whether two types serialise alike: fields of the same kinds in the same order.

    Names of fields do not count, as those of camera_info, which ROS 2 writes small.

    :param one: describes `name`; `other` describes `other_name`.
    """
    fields, others = one.fielddefs[name][1], other.fielddefs[other_name][1]
    return len(fields) == len(others) and all(
        _same(one, other, field, its) for (_, field), (_, its) in zip(fields, others, strict=True)
    )


def _same(one: Typestore, other: Typestore, field: Any, its: Any) -> bool:
    (node, details), (its_node, its_details) = field, its
    if node != its_node:
        return False
    if node == Nodetype.NAME:
        known = its_details in other.fielddefs
        return known and same_layout(one, other, details, its_details)
    if node == Nodetype.BASE:  # a bound of a text is not in its bytes
        return bool(details[0] == its_details[0])
    (element, length), (its_element, its_length) = details, its_details
    same_length = node == Nodetype.SEQUENCE or length == its_length
    return same_length and _same(one, other, element, its_element)
