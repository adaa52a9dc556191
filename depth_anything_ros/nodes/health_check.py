"""Tell by /diagnostics whether nodes are well: for containers and whoever else supervises them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.escape import one_line
from depth_anything_ros.nodes.process import run_process
from depth_anything_ros.nodes.waiting import Waiting

LEVELS = {
    DiagnosticStatus.OK: 'OK',
    DiagnosticStatus.WARN: 'WARN',
    DiagnosticStatus.ERROR: 'ERROR',
    DiagnosticStatus.STALE: 'STALE',
}


class HealthCheck(Node):
    """
    Wait for one status of each node, and judge them.

    `is_well` tells whether all have been heard of, and are.

    :param names: of the nodes as their statuses have them, a leading slash left out.
    :param timeout_s: how long to wait for all of them together.
    :param strict: a node that warns is not well either.
    """

    def __init__(self, names: Sequence[str], timeout_s: float, strict: bool) -> None:
        # Hidden, and with nothing that others would see come and go.
        super().__init__('_health_check', enable_rosout=False, start_parameter_services=False)
        self.is_well = False
        self._wanted = dict.fromkeys(name.lstrip('/') for name in names)
        self._timeout_s = timeout_s
        self._strict = strict
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._others: set[str] = set()
        self.create_subscription(DiagnosticArray, '/diagnostics', self._take, 10)

    def run(self) -> None:
        """
        Wait, then log the statuses of nodes that are well.

        :raises DepthAnythingError: if a node is not well, or has not been heard of in time.
        """
        with closing(Waiting(self)) as waiting:
            waiting.until(lambda: not self._missing(), self._timeout_s)
        faults = unwell(self._statuses.values(), self._strict)
        missing = ', '.join(self._missing())
        if missing:
            others = ', '.join(sorted(self._others)) or 'nobody'
            faults.append(
                f'no diagnostics of {missing} within {self._timeout_s:g} s; heard of: {others}'
            )
        if faults:
            raise DepthAnythingError('; '.join(faults))
        self.is_well = True
        for status in self._statuses.values():
            self.get_logger().info(one_line(told(status)))

    def close(self) -> None:
        """Do nothing: there is nothing to save."""

    def _take(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name in self._wanted:
                self._statuses[status.name] = status
            else:
                self._others.add(status.name)

    def _missing(self) -> list[str]:
        return [name for name in self._wanted if name not in self._statuses]


def unwell(statuses: Iterable[DiagnosticStatus], strict: bool) -> list[str]:
    """
    Return what is to be said of the nodes that are not well.

    :param strict: a node that warns is not well either.
    """
    well = {DiagnosticStatus.OK} if strict else {DiagnosticStatus.OK, DiagnosticStatus.WARN}
    return [told(status) for status in statuses if status.level not in well]


def told(status: DiagnosticStatus) -> str:
    """Return a status in words."""
    return f'{status.name}: {LEVELS.get(status.level, status.level)}, {status.message}'


def main(argv: Sequence[str] | None = None) -> int:
    """
    Judge the nodes that the command line names.

    :return: 0 if all are well, 1 if not; the reason is in the log, in one line.
    """
    words = list(sys.argv if argv is None else argv)
    args = _parse(remove_ros_args(words)[1:])
    # A check comes often, and each file of a log would stay.
    quiet = ['--ros-args', '--disable-external-lib-logs']
    checks: list[HealthCheck] = []

    def create() -> HealthCheck:
        checks.append(HealthCheck(args.nodes, args.timeout, args.strict))
        return checks[0]

    code = run_process('health_check', create, [*words, *quiet])
    if code == 0 and not (checks and checks[0].is_well):
        # For other nodes an end by a signal is a good one.
        get_logger('health_check').fatal('a signal came before the nodes were heard of')
        code = 1
    return code


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='health_check',
        description='Exit with 0 if nodes are well by /diagnostics, with 1 if not.',
    )
    parser.add_argument(
        'nodes',
        nargs='*',
        default=['depth_node'],
        metavar='NODE',
        help='name of a node in its diagnostics, with its namespace (depth_node)',
    )
    parser.add_argument(
        '--timeout', type=_seconds, default=5.0, metavar='S', help='longest wait in seconds (5)'
    )
    parser.add_argument('--strict', action='store_true', help='a node that warns is not well')
    return parser.parse_args(words)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"'{text}' is not within 0 … 600 s")
    return value
