"""Errors this package raises on purpose; each message names the value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EXIT_GATE = 3
"""Status of a program or node that did its work, and whose figures break bounds."""


class DepthAnythingError(Exception):
    """
    Base of every error with a message meant for the user.

    The command-line program prints it in one line and exits 1; a node counts it, shows it in
    diagnostics and goes on with the next frame.
    """


class UnknownNameError(DepthAnythingError):
    """Report a name that is not in a registry."""


class ConfigError(DepthAnythingError):
    """Report a parameter with an unknown name, a wrong type or a value out of range."""


class MessageError(DepthAnythingError):
    """Report a message that cannot be decoded: truncated, mis-sized or of unknown encoding."""


class CameraError(DepthAnythingError):
    """Report a camera without calibration, or one that does not fit its image."""


class AlignmentError(DepthAnythingError):
    """Report that no trustworthy scale and shift can be had from the data given."""


class MotionError(DepthAnythingError):
    """Report that nobody knows how the camera moved."""


class CheckpointError(DepthAnythingError):
    """Report a checkpoint that is missing, damaged or belongs to another model."""


class BackendError(DepthAnythingError):
    """Report a backend, device or precision that cannot run here."""


class DatasetError(DepthAnythingError):
    """Report a bag or a data set that cannot be read as asked."""


class TrainingError(DepthAnythingError):
    """Report a training run that cannot go on."""


class CompressionError(DepthAnythingError):
    """Report a compression recipe that cannot be read or makes no sense."""


class WorkerError(DepthAnythingError):
    """Report a process or a cluster that cannot be reached, or ended before its work."""


class GateError(DepthAnythingError):
    """
    Report figures that break the bounds of a gate.

    :param gate: the file of the bounds.
    :param breaches: a sentence for each.
    """

    def __init__(self, gate: str, breaches: Sequence[str]) -> None:
        super().__init__(f"gate '{gate}' is not met: {'; '.join(breaches)}")
        self.gate = gate
        self.breaches = tuple(breaches)


class OutputError(DepthAnythingError):
    """Report a file or folder that cannot be written, with the reason and what helps."""


class MissingDependencyError(DepthAnythingError):
    """
    Report an optional library that is not installed, with the extra that installs it.

    :param module: that is missing.
    :param extra: of this package, which brings it.
    :param otherwise: what helps too, as the end of the sentence.
    """

    def __init__(self, module: str, extra: str, otherwise: str = '') -> None:
        super().__init__(
            f"'{module}' is not installed; install it with "
            f"`pip install 'depth_anything_ros[{extra}]'`{otherwise}"
        )
        self._arguments = (module, extra, otherwise)

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str, str]]:
        """Let it pass between processes, which rebuild an exception from its message alone."""
        return MissingDependencyError, self._arguments


# What the extra `torch` brings; modules of torch's networks import them where they stand.
_WITH_TORCH = ('torch', 'safetensors')
WITHOUT_TORCH = (
    ', or write the model as a folder by the verb export on a computer that has it, and give the '
    'folder as checkpoint (docs/export.md)'
)
"""What helps too where a network needs torch, as the end of the sentence."""


@contextmanager
def torch_named(otherwise: str = WITHOUT_TORCH) -> Iterator[None]:
    """
    Turn the lack of torch, whatever imports it, into an error that names the extra.

    :param otherwise: as for :class:`MissingDependencyError`.
    :raises MissingDependencyError: if torch is not installed and something imports it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or '').partition('.')[0]
        if module not in _WITH_TORCH:
            raise
        raise MissingDependencyError(module, 'torch', otherwise) from error


def reason_of(error: Exception) -> str:
    """Return the message of an error; one that is none of ours is named by its class too."""
    known = isinstance(error, DepthAnythingError)
    return str(error) if known else f'{type(error).__name__}: {error}'


def broken_form(error: Exception) -> str:
    """Return in words why a file is not what it is read as, by the error that told of it."""
    if isinstance(error, KeyError):
        return f'it has no {error}'
    if isinstance(error, (LookupError, TypeError, AttributeError)):
        return 'its parts are of another form'
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: '{error.filename}'"
    return ' '.join(str(error).split()) or type(error).__name__
