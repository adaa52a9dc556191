"""
What the drivers of common cameras publish under their own launch files.

Image, its calibration, depth registered to it, and the calibration of that.
Source: the files that `CameraPreset.source` names.
"""

TOPICS = {
    'realsense': (
        '/camera/camera/color/image_raw', '/camera/camera/color/camera_info',
        '/camera/camera/aligned_depth_to_color/image_raw',
        '/camera/camera/aligned_depth_to_color/camera_info',
    ),
    'orbbec': (
        '/camera/color/image_raw', '/camera/color/camera_info',
        '/camera/depth/image_raw', '/camera/depth/camera_info',
    ),
    'oak': (
        '/oak/rgb/image_raw', '/oak/rgb/camera_info',
        '/oak/stereo/image_raw', '/oak/stereo/camera_info',
    ),
    'zed': (
        '/zed/zed_node/rgb/color/rect/image', '/zed/zed_node/rgb/color/rect/camera_info',
        '/zed/zed_node/depth/depth_registered', '/zed/zed_node/depth/camera_info',
    ),
    'usb_cam': ('/image_raw', '/camera_info'),
}  # fmt: skip
