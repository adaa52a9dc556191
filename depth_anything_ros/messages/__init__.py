"""
Images, camera_info, laser scans and point clouds of sensor_msgs ↔ arrays, without importing ROS.

Messages are read by their fields alone, so the same code serves the classes of every ROS 2
distribution and those of rosbags; what is written is a dict of fields for either.
"""

from depth_anything_ros.messages.calibration import (
    camera_from_message,
    camera_info_fields,
    completed_projection,
    frame_doubt,
    lens_effects,
    raw_doubt,
    rectification_doubt,
)
from depth_anything_ros.messages.color import KNOWN_ENCODINGS, decode_image
from depth_anything_ros.messages.compressed import (
    JPEG_QUALITY,
    KNOWN_FORMATS,
    LIVE_PNG_LEVEL,
    compressed_depth_fields,
    compressed_fields,
    decode_any_depth,
    decode_any_image,
    decode_compressed,
    decode_compressed_depth,
    has_integer_depth,
    told_size,
)
from depth_anything_ros.messages.depth import (
    KNOWN_DEPTH_ENCODINGS,
    MM_PER_M,
    decode_confidence,
    decode_depth,
    decode_inverse_depth,
    metres_from_steps,
)
from depth_anything_ros.messages.fields import (
    depth_image_fields,
    image_fields,
    laser_scan_fields,
    point_cloud_fields,
)
from depth_anything_ros.messages.scan import decode_scan
from depth_anything_ros.messages.stamps import stamp_fields, stamp_ns

__all__ = [
    'JPEG_QUALITY',
    'KNOWN_DEPTH_ENCODINGS',
    'KNOWN_ENCODINGS',
    'KNOWN_FORMATS',
    'LIVE_PNG_LEVEL',
    'MM_PER_M',
    'camera_from_message',
    'camera_info_fields',
    'completed_projection',
    'compressed_depth_fields',
    'compressed_fields',
    'decode_any_depth',
    'decode_any_image',
    'decode_compressed',
    'decode_compressed_depth',
    'decode_confidence',
    'decode_depth',
    'decode_image',
    'decode_inverse_depth',
    'decode_scan',
    'depth_image_fields',
    'frame_doubt',
    'has_integer_depth',
    'image_fields',
    'laser_scan_fields',
    'lens_effects',
    'metres_from_steps',
    'point_cloud_fields',
    'raw_doubt',
    'rectification_doubt',
    'stamp_fields',
    'stamp_ns',
    'told_size',
]
