"""Image messages of any encoding to RGB, or to metres."""

from __future__ import annotations

from typing import Any

from rclpy.serialization import deserialize_message

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import KNOWN_ENCODINGS, decode_any_image
from depth_anything_ros.types import UInt8Array


def read_message(cdr: bytes, message_type: type) -> Any:
    """
    Return a serialised message.

    :raises MessageError: if the bytes are none of that type.
    """
    try:
        return deserialize_message(cdr, message_type)
    except Exception as error:
        raise MessageError(f'a message of {len(cdr)} bytes cannot be read: {error}') from error


def decode_any(message: Any) -> UInt8Array:
    """
    Return an Image or CompressedImage as uint8 (H, W, 3), red first.

    An encoding outside our own table goes through the ROS distribution's cv_bridge.

    :raises MessageError: if the message is truncated or its encoding known to neither.
    """
    encoding = getattr(message, 'encoding', None)
    if encoding is None or encoding in KNOWN_ENCODINGS or not has_cv_bridge():
        return decode_any_image(message)
    return decode_any_image(message, convert_by_cv_bridge)


def convert_by_cv_bridge(message: Any) -> Any:
    """
    Return what cv_bridge makes of an Image, uint8 (H, W, 3), red first.

    :raises MessageError: if it does not know the encoding either.
    """
    from cv_bridge import CvBridge, CvBridgeError

    try:
        return CvBridge().imgmsg_to_cv2(message, 'rgb8')
    except (CvBridgeError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise MessageError(
            f"encoding '{message.encoding}' is unknown, to cv_bridge too ({error}); "
            f'known: {", ".join(KNOWN_ENCODINGS)}'
        ) from error


def has_cv_bridge() -> bool:
    """Return whether cv_bridge of a ROS 2 distribution is here; PyPI's is ROS 1 code."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        get_package_prefix('cv_bridge')
    except (PackageNotFoundError, LookupError, OSError):
        return False
    return True
