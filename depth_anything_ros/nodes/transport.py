"""Let megabyte messages arrive complete and fast; called before rclpy starts."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import MutableMapping
from pathlib import Path
from xml.etree import ElementTree

_LOGGER = logging.getLogger(__name__)

PACKAGE = 'depth_anything_ros'
PROFILE = Path('config') / 'fastdds_shm.xml'
# Fast DDS 3 (rmw_fastrtps 9, Kilted) renamed the variable; with both set it reads the file
# twice and complains.
NEW_VARIABLE, OLD_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
FIRST_VERSION_WITH_NEW_VARIABLE = 9
USER_CHOICES = (NEW_VARIABLE, OLD_VARIABLE, 'FASTDDS_BUILTIN_TRANSPORTS')

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_MAPPED_BYTES = 1 << 29


def prepare_transport(environment: MutableMapping[str, str] | None = None) -> None:
    """
    Choose the shared-memory profile and keep large buffers mapped.

    Fast DDS in its default settings loses images under best-effort QoS and delays clouds under
    reliable QoS. Nothing is set where another middleware or a profile has been chosen.

    :param environment: the variables of this process; `os.environ` when None.
    """
    choose_profile(os.environ if environment is None else environment)
    keep_large_buffers()


def choose_profile(environment: MutableMapping[str, str]) -> bool:
    """
    Name the installed profile in the environment; tell whether it was set.

    :param environment: changed in place.
    """
    if environment.get('RMW_IMPLEMENTATION', '') not in ('', 'rmw_fastrtps_cpp'):
        return False
    if any(environment.get(name) for name in USER_CHOICES):
        return False
    profile = profile_path()
    if profile is None:
        _LOGGER.warning(
            'no %s in the share folder of %s: images and clouds may get lost on their way; '
            'install the package, or set %s',
            PROFILE.name,
            PACKAGE,
            NEW_VARIABLE,
        )
        return False
    is_new = middleware_version() >= FIRST_VERSION_WITH_NEW_VARIABLE
    environment[NEW_VARIABLE if is_new else OLD_VARIABLE] = str(profile)
    return True


def profile_path() -> Path | None:
    """Return the installed profile, or None where the package has no share folder."""
    share = _share_folder(PACKAGE)
    profile = share / PROFILE if share else None
    return profile if profile and profile.is_file() else None


def middleware_version() -> int:
    """Return the major version of rmw_fastrtps_cpp, or 0 where it is not installed."""
    share = _share_folder('rmw_fastrtps_cpp')
    manifest = share / 'package.xml' if share else None
    if manifest is None or not manifest.is_file():
        return 0
    version = ElementTree.parse(manifest).getroot().findtext('version', '0')
    return int(version.split('.')[0])


def _share_folder(package: str) -> Path | None:
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    try:
        return Path(get_package_share_directory(package))
    except (PackageNotFoundError, LookupError, OSError):
        return None


def keep_large_buffers() -> bool:
    """
    Keep buffers of up to 512 MiB mapped after they are freed; tell whether libc took it.

    glibc gives every large buffer back to the kernel, and every message then pays for fresh
    pages. Other C libraries have no mallopt and are left as they are.

    Source: mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(
        mallopt(option, _KEEP_MAPPED_BYTES) == 1
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)
    )
