"""Calibration files of ROS → Camera."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from depth_anything_ros.errors import CameraError
from depth_anything_ros.messages.calibration import camera_from_message
from depth_anything_ros.types import Camera

_MAX_BYTES = 1_000_000
_FORMS = (
    'camera_matrix, distortion_coefficients, image_width, … as camera_calibration writes it, or '
    'k, d, width, … as `ros2 topic echo --once camera_info` prints it'
)
_ROI = {'x_offset': 0, 'y_offset': 0, 'height': 0, 'width': 0}


def read_camera(path: Path, rectified: bool = False) -> Camera:
    """
    Return the camera that a calibration file describes.

    :param path: YAML, either as camera_calibration writes it (`camera_matrix`, …) or the fields
        of a CameraInfo, as `ros2 topic echo --once camera_info` prints them.
    :param rectified: as for :func:`camera_from_message`.
    :raises CameraError: if the file cannot be read, is of another form, or describes no camera
        that images are taken with.
    Source: camera_calibration_parsers, whose YAML this is.
    """
    try:
        content = _load(path)
        message = _echoed(content) if 'k' in content or 'K' in content else _written(content)
        return camera_from_message(message, rectified)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        words = ' '.join(str(error).split()) or type(error).__name__
        raise CameraError(
            f"'{path}' is not a calibration of a camera ({words}); known is YAML with {_FORMS}"
        ) from error
    except CameraError as error:
        raise CameraError(f"'{path}': {error}") from error


def _load(path: Path) -> Mapping[str, Any]:
    """
    Return the first document of a YAML file.

    :raises CameraError: if it cannot be read.
    :raises ValueError: if it is no mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        with path.open('rb') as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f'more than {_MAX_BYTES // 1_000_000} MB')
        # What `ros2 topic echo` prints ends with the start of another document.
        content = next(iter(YAML(typ='safe').load_all(data.decode('utf-8'))), None)
    except OSError as error:
        raise CameraError(f'it cannot be read: {error.strerror or error}') from error
    except (YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(content, Mapping):
        raise ValueError('no names with values')
    return content


def _written(content: Mapping[str, Any]) -> SimpleNamespace:
    """Return the fields of a CameraInfo that a file of camera_calibration stands for."""
    projection = content.get('projection_matrix', {'data': (0.0,) * 12})
    return SimpleNamespace(
        width=content['image_width'],
        height=content['image_height'],
        k=_numbers(content['camera_matrix']['data'], 9),
        d=_numbers(content['distortion_coefficients']['data']),
        p=_numbers(projection['data'], 12),
        distortion_model=content.get('distortion_model', 'plumb_bob'),
        binning_x=0,
        binning_y=0,
        roi=SimpleNamespace(**_ROI),
    )


def _echoed(content: Mapping[str, Any]) -> SimpleNamespace:
    """Return the fields of a CameraInfo that was printed, of ROS 2 or ROS 1."""
    lower = {name.lower(): value for name, value in content.items()}
    return SimpleNamespace(
        width=lower['width'],
        height=lower['height'],
        k=_numbers(lower['k'], 9),
        d=_numbers(lower['d']),
        p=_numbers(lower['p'], 12),
        distortion_model=lower['distortion_model'],
        binning_x=lower.get('binning_x', 0),
        binning_y=lower.get('binning_y', 0),
        roi=SimpleNamespace(**{**_ROI, **(lower.get('roi') or {})}),
    )


def _numbers(values: Any, count: int | None = None) -> tuple[float, ...]:
    """
    Return the numbers of a list.

    :raises ValueError: if there are not as many as needed.
    """
    found = tuple(float(value) for value in values)
    if count is not None and len(found) != count:
        raise ValueError(f'{len(found)} numbers where {count} are needed')
    return found
