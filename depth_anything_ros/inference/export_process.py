"""
An export of a network in a process of its own, whose memory goes with it.

The process gets an :class:`ExportTask` as JSON. It writes a line of JSON for whatever it logs, and
for the error if it fails.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    DepthAnythingError,
    OutputError,
    torch_named,
)
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.base import ExportForm
from depth_anything_ros.inference.backends.source import export_for
from depth_anything_ros.inference.failures import first_line
from depth_anything_ros.json_text import as_json, from_json, parse_json
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.stored_weights import Origin, StoredWeights, check_sha256
from depth_anything_ros.parent import PARENT_VARIABLE, end_with_parent

_LOG = logging.getLogger(__name__)

# What may come out of the process as what it was in there; anything else is a BackendError.
_ERRORS: dict[str, type[DepthAnythingError]] = {
    kind.__name__: kind for kind in (BackendError, CheckpointError, OutputError)
}


@dataclass(frozen=True)
class ExportTask:
    """
    Say what is to be written: the weights in the file `path`, which has to have that `sha256`.

    `backend` reads what is written in that `form` into the empty `folder`.
    """

    spec: ModelSpec
    path: str
    origin: Origin
    sha256: str
    backend: str
    form: ExportForm
    folder: str


def export_apart(stored: StoredWeights, backend: str, form: ExportForm, folder: Path) -> None:
    """
    Write a network as a backend reads it, in a process of its own, and wait for it.

    What it logs is logged here. It ends with this process, however that ends.

    :param stored: the weights.
    :param backend: the name of one that exports.
    :param form: of the export.
    :param folder: an empty one.
    :raises CheckpointError: if the weights are damaged, or of another model.
    :raises BackendError: if the network cannot be converted, or the process is ended from outside.
    :raises OutputError: if there is no room.
    """
    task = ExportTask(
        stored.spec, str(stored.path.absolute()), stored.origin, stored.sha256, backend, form,
        str(folder.absolute()),
    )  # fmt: skip
    # It imports what this process does; -m would first look where the robot was started.
    script = (
        f'import sys; sys.path[:] = {list(map(str, sys.path))!r}; '
        f'from {__name__} import main; sys.exit(main())'
    )
    command = [sys.executable, '-c', script, json.dumps(task, default=as_json)]
    environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}
    start_s = time.monotonic()
    problem: DepthAnythingError | None = None
    with (
        tempfile.TemporaryFile('w+', errors='replace') as words,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=words, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None, 'it is a pipe'
            for line in process.stdout:
                problem = _heard(line) or problem
            process.wait()
        except BaseException:
            process.kill()
            raise
        words.seek(0)
        last_words = words.read().strip().rpartition('\n')[2]
    if problem is None and process.returncode:
        problem = BackendError(_ending(process.returncode, last_words))
    if problem is not None:
        raise problem
    _LOG.info('exported in %.0f s', time.monotonic() - start_s)


def _heard(line: str) -> DepthAnythingError | None:
    """Log what the process logs, and return the error that it tells."""
    try:
        told = parse_json(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):  # what a start-up file of this Python prints
        return None
    if 'error' in told:
        return _ERRORS.get(told['error'], BackendError)(told['text'])
    logging.getLogger(told['logger']).log(told['level'], '%s', told['text'])
    return None


def _ending(code: int, last_words: str) -> str:
    """Say how a process ended that told no error."""
    reason = f'ended with {code}' + (f': {last_words}' if last_words else '')
    if code < 0:
        reason = f'was ended by {signal.Signals(-code).name}'
    if code == -signal.SIGKILL:
        reason += ', as the system does for lack of memory'
    return (
        f'the process that exports the network {reason}; the verb export does the same on another '
        'computer, whose folder is given as checkpoint'
    )


class _Lines(logging.Handler):
    """Write what is logged as lines of JSON."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.tell(level=record.levelno, logger=record.name, text=record.getMessage())

    def tell(self, **entries: object) -> None:
        """Write one line."""
        os.write(self._descriptor, f'{json.dumps(entries)}\n'.encode())


def main() -> int:
    """Do what an :class:`ExportTask`, the one argument, says and return the exit status."""
    end_with_parent()
    # Ctrl-C reaches every process of a terminal; this one ends with the one that asked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = _Lines(os.dup(sys.stdout.fileno()))
    # What libraries print is none of the lines.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    package = logging.getLogger('depth_anything_ros')
    package.setLevel(logging.INFO)
    package.addHandler(lines)
    try:
        with torch_named():
            _export(from_json(ExportTask, parse_json(sys.argv[1])))
    except DepthAnythingError as error:
        lines.tell(error=type(error).__name__, text=str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - told to who waits, whatever a library raises
        lines.tell(error='', text=f'the network cannot be exported: {first_line(error)}')
        return 1
    return 0


def _export(task: ExportTask) -> None:
    path, folder = Path(task.path), Path(task.folder)
    check_sha256(path, task.sha256)
    from depth_anything_ros.models.checkpoint import load_stored

    stored = StoredWeights(task.spec, CheckpointFile.read(path), task.origin, task.sha256)
    estimator, _ = load_stored(stored)
    try:
        export_for(task.backend, estimator, task.form, folder)
    except OSError as error:
        raise output_error(folder, error) from error
