"""Where the drivers of common cameras publish, and what the depth node is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.registry import Registry


@dataclass(frozen=True)
class CameraPreset:
    """
    Describe the topics of a camera under its driver's own launch file.

    `driver` starts it so that they are there; `source` says in which files of which version they
    stand. `prefix` holds the names and namespaces of that launch file, which `image` and
    `reference` come after: the image, and depth that is registered to it, '' for a camera without.
    `below` is what of it stands below the name that a camera is given. The calibration is
    `camera_info` beside either, where the node looks by itself. `parameters` of the depth node are
    texts, as launch arguments are. `docs/cameras.md` says what else matters.
    """

    driver: str
    prefix: str
    image: str
    reference: str
    source: str
    below: str = ''
    parameters: Mapping[str, str] = field(default_factory=dict)

    def topics(self, prefix: str = '') -> dict[str, str]:
        """
        Return launch argument → topic: image, and reference where there is one.

        :param prefix: instead of that of the launch file; `/` is none.
        """
        ends = {'image': self.image, 'reference': self.reference}
        before = prefix or self.prefix
        before = f'{before.rstrip("/")}/' if before else ''
        return {name: f'{before}{end}' for name, end in ends.items() if end}


_BY_DEPTH = {'scale_source': 'depth_image'}

CAMERA_PRESETS: Registry[CameraPreset] = Registry('camera', {
    'realsense': CameraPreset(
        driver='ros2 launch realsense2_camera rs_launch.py align_depth.enable:=true',
        prefix='camera/camera',
        image='color/image_raw',
        reference='aligned_depth_to_color/image_raw',
        source='IntelRealSense/realsense-ros 4.56.1: realsense2_camera/launch/rs_launch.py '
        '(camera_namespace, camera_name), src/rs_node_setup.cpp',
        parameters=_BY_DEPTH,
    ),
    'orbbec': CameraPreset(
        driver='ros2 launch orbbec_camera gemini_330_series.launch.py depth_registration:=true',
        prefix='camera',
        image='color/image_raw',
        reference='depth/image_raw',
        source='orbbec/OrbbecSDK_ROS2 2.6.3: orbbec_camera/launch/gemini_330_series.launch.py '
        '(camera_name), src/ob_camera_node.cpp; the same in 1.5.14 of its branch main',
        parameters=_BY_DEPTH,
    ),
    'oak': CameraPreset(
        driver='ros2 launch depthai_ros_driver camera.launch.py',
        prefix='oak',
        image='rgb/image_raw',
        reference='stereo/image_raw',
        source='luxonis/depthai-ros 2.10.3: depthai_ros_driver/launch/camera.launch.py (name), '
        'src/dai_nodes/sensors/img_pub.cpp, rgb.cpp, stereo.cpp (i_align_depth is true)',
        parameters=_BY_DEPTH,
    ),
    'zed': CameraPreset(
        driver='ros2 launch zed_wrapper zed_camera.launch.py camera_model:=zed2i',
        prefix='zed/zed_node',
        image='rgb/color/rect/image',
        reference='depth/depth_registered',
        source='stereolabs/zed-ros2-wrapper 5.4.1: zed_wrapper/launch/zed_camera.launch.py '
        '(camera_name, node_name), '
        'zed_components/src/zed_camera/src/zed_camera_component_video_depth.cpp',
        below='zed_node',
        parameters=_BY_DEPTH,
    ),
    'usb_cam': CameraPreset(
        driver='ros2 run usb_cam usb_cam_node_exe',
        prefix='',
        image='image_raw',
        reference='',
        source='ros-drivers/usb_cam 0.8.1: src/ros2/usb_cam_node.cpp (BASE_TOPIC_NAME), '
        'launch/camera_config.py',
        parameters={'image_is_rectified': 'false'},
    ),
})  # fmt: skip


def camera_arguments(camera: str, prefix: str = '') -> dict[str, str]:
    """
    Return launch argument of depth.launch.py → what a preset says it is; none without a camera.

    :param camera: name of the preset, or ''.
    :param prefix: as :meth:`CameraPreset.topics` takes it.
    :raises UnknownNameError: if there is no preset of that name; the message lists the known.
    :raises ConfigError: if there is a prefix and no camera.
    """
    if not camera:
        if prefix:
            raise ConfigError(
                f"argument 'camera_prefix': '{prefix}' needs a camera; known: "
                f'{", ".join(CAMERA_PRESETS)}'
            )
        return {}
    preset = CAMERA_PRESETS[camera]
    return {**preset.topics(prefix), **preset.parameters}


def camera_table() -> str:
    """Return the presets as a Markdown table, one row each."""
    rows = [
        f'| `{name}` | `/{topics["image"]}` | {_code(topics.get("reference", ""))} '
        f'| {preset.source} |'
        for name, preset in CAMERA_PRESETS.items()
        for topics in (preset.topics(),)
    ]
    return '\n'.join(
        ('| `camera:=` | image | depth | where that stands |', '| --- | --- | --- | --- |', *rows)
    )


def _code(topic: str) -> str:
    return f'`/{topic}`' if topic else 'none'
