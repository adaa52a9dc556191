"""What the depth node says of itself, for the report of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from depth_anything_ros.escape import one_line
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.evaluation.run_warnings import Stream
from depth_anything_ros.messages.stamps import stamp_ns
from depth_anything_ros.nodes.diagnostics import to_dict
from depth_anything_ros.nodes.node_report import read_report, read_scale

# Other names that are told of where the depth node's never comes.
_NAMES = 10


class ReportInput:
    """
    Take the diagnostics of the depth node; a malformed status is left out and counted.

    :param later: takes work for its turn after the images that came before; what it is given
        later makes the earlier needless.
    :param depth_node: name of its status.
    :param evaluation: gets what the status says.
    :param warn: writes to the log, throttled.
    """

    def __init__(
        self,
        later: Callable[[Callable[[str], None]], None],
        depth_node: str,
        evaluation: RunEvaluation,
        warn: Callable[[str], None],
    ) -> None:
        self._later = later
        self._name = depth_node.lstrip('/')
        self._evaluation = evaluation
        self._warn = warn
        self._others: dict[str, None] = {}
        self._expect()

    def take(self, message: DiagnosticArray) -> None:
        """Pick the status of the depth node; of all others only some names are kept."""
        for status in message.status:
            if status.name == self._name:
                self._later(partial(self._read, status))
            elif status.name not in self._others and len(self._others) < _NAMES:
                self._others[status.name] = None
                self._expect()

    def take_scale(self, message: DiagnosticArray) -> None:
        """Take in the scale of a frame, which the header of the message names."""
        for status in message.status:
            with self._counted('scale'):
                scale = read_scale(to_dict(status))
                if scale is not None:
                    self._evaluation.add_scale(stamp_ns(message.header), *scale)

    def _read(self, status: DiagnosticStatus, _given_up: str) -> None:
        """Take in a status; nothing in it ends the node."""
        with self._counted('diagnostics'):
            report = read_report(to_dict(status))
            if report.model is not None:
                self._evaluation.set_model(report.model)
            self._evaluation.set_stages(report.stages_ms)
            self._evaluation.set_rejected(report.rejected, report.received)

    @contextmanager
    def _counted(self, topic: str) -> Iterator[None]:
        """Leave out and count what cannot be read."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - anybody may publish here
            text = f'{topic}: {error}'
            self._evaluation.add_left_out(text)
            self._warn(f'left out: {text}')

    def _expect(self) -> None:
        others = ', '.join(f"'{one_line(name)}'" for name in self._others)
        self._evaluation.expect(
            Stream.DIAGNOSTICS,
            f"no status named '{self._name}' came on /diagnostics, so model, stages and rejected "
            f'images are not known; those that came: {others or "none"}; set depth_node to the '
            "depth node's full name",
        )
