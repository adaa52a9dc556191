"""Let megabyte messages arrive complete and fast; called before rclpy starts."""

from __future__ import annotations

import atexit
import logging
import os
import re
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from xml.etree import ElementTree

from depth_anything_ros.memory import keep_large_buffers

_LOGGER = logging.getLogger(__name__)
_copies: list[Path] = []

PACKAGE = 'depth_anything_ros'
PROFILE = Path('config') / 'fastdds_shm.xml'
# Fast DDS 3 (rmw_fastrtps 9, Kilted) renamed the variable; with both set it reads the file
# twice and complains.
NEW_VARIABLE, OLD_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
FIRST_VERSION_WITH_NEW_VARIABLE = 9
USER_CHOICES = (NEW_VARIABLE, OLD_VARIABLE, 'FASTDDS_BUILTIN_TRANSPORTS')

# What the profile in config/ has: three clouds of 640x480 points.
SMALLEST_SEGMENT = 1 << 24
_LARGEST_SEGMENT = 1 << 30
_MESSAGES_AT_ONCE = 3


def prepare_transport(
    environment: MutableMapping[str, str] | None = None, largest_bytes: int = 0
) -> None:
    """
    Choose the shared-memory profile and keep large buffers mapped.

    Fast DDS in its default settings loses images under best-effort QoS and delays clouds under
    reliable QoS. Nothing is set where another middleware or a profile has been chosen.

    :param environment: the variables of this process; `os.environ` when None.
    :param largest_bytes: of the messages that this process will publish; the segment is made for
        three of them.
    """
    choose_profile(os.environ if environment is None else environment, largest_bytes)
    keep_large_buffers()


def choose_profile(environment: MutableMapping[str, str], largest_bytes: int = 0) -> bool:
    """
    Name the profile to use in the environment; tell whether it was set.

    :param environment: changed in place.
    :param largest_bytes: as in :func:`prepare_transport`.
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
    segment = segment_for(largest_bytes, free_bytes())
    if segment != SMALLEST_SEGMENT:
        profile = _resized(profile, segment)
    is_new = middleware_version() >= FIRST_VERSION_WITH_NEW_VARIABLE
    environment[NEW_VARIABLE if is_new else OLD_VARIABLE] = str(profile)
    return True


def segment_for(largest_bytes: int, free: int) -> int:
    """
    Return the size of the shared-memory segment for messages of a size.

    :param largest_bytes: of one message.
    :param free: bytes that may be had; Fast DDS takes the whole segment at once, and no more
        than half of what there is should go to one process.
    """
    wanted = -(-_MESSAGES_AT_ONCE * largest_bytes // SMALLEST_SEGMENT) * SMALLEST_SEGMENT
    most = min(free // 2, _LARGEST_SEGMENT) // SMALLEST_SEGMENT * SMALLEST_SEGMENT
    return max(SMALLEST_SEGMENT, min(wanted, most))


def free_bytes(folder: str = '/dev/shm') -> int:
    """Return how much shared memory is free, or 0 where there is no such folder."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def segment_of(environment: Mapping[str, str]) -> int | None:
    """Return the size of the segment of the profile that is chosen, or None if that is unknown."""
    path = environment.get(NEW_VARIABLE) or environment.get(OLD_VARIABLE)
    try:
        text = Path(path).read_text() if path else ''
    except OSError:
        return None
    found = re.search(r'<segment_size>\s*(\d+)\s*</segment_size>', text)
    return int(found[1]) if found else None


def _resized(profile: Path, segment: int) -> Path:
    """Return a copy of the profile with another segment, or the profile if none can be written."""
    text = profile.read_text().replace(str(SMALLEST_SEGMENT), str(segment))
    try:
        with NamedTemporaryFile('w', prefix=PACKAGE, suffix='.xml', delete=False) as copy:
            _copies.append(Path(copy.name))
            copy.write(text)
    except OSError as error:
        _LOGGER.warning('large messages may get lost: no profile can be written: %s', error)
        return profile
    return _copies[-1]


@atexit.register
def remove_copies() -> None:
    """Remove the copies of the profile; Fast DDS reads it when the first node is made."""
    for path in _copies:
        with suppress(OSError):
            path.unlink()
    _copies.clear()


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
