#!/usr/bin/env bash
# entrypoint.sh COMMAND...: run a command with ROS 2 and this package sourced.
set -eo pipefail

# shellcheck source=/dev/null
source "${ROS_PREFIX:-/opt/ros/$ROS_DISTRO}/setup.bash" --
# shellcheck source=/dev/null
source "${PACKAGE_PREFIX:-/opt/depth_anything_ros}/local_setup.bash" --
exec "$@"
