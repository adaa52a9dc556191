"""The weights of a model as a file has them, known without torch before any number is read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from depth_anything_ros.errors import CheckpointError, ConfigError
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.hub import checked_sha256, expected_sha256, published_file
from depth_anything_ros.models.local_file import (
    check_origin,
    check_size,
    file_sha256,
    local_file,
    written_at,
)
from depth_anything_ros.models.meaning import spec_of_file
from depth_anything_ros.models.packed_header import PackedHeader
from depth_anything_ros.models.spec import ModelSpec

_LOG = logging.getLogger(__name__)

_KINDS = ('pretrained', 'random')

Origin = Literal['pretrained', 'checkpoint', 'random']


@dataclass(frozen=True)
class StoredWeights:
    """
    A file of weights, its header read and its sha256 taken.

    `spec` is the row of the model with the output that these weights have; `written` is what
    `written_at` said before the sha256 was taken, None where that is not known.
    """

    spec: ModelSpec
    file: CheckpointFile
    origin: Origin
    sha256: str
    written: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.file.path

    @property
    def key(self) -> str:
        """Return what tells these weights from any others."""
        return self.sha256

    @property
    def recipe(self) -> str:
        """Return the recipe that packed them, empty if none did."""
        return self.file.packed.recipe if self.file.packed else ''

    @property
    def integers(self) -> bool:
        """Return whether layers multiply integers."""
        return bool(self.file.packed and self.file.packed.inputs)

    def check_unchanged(self) -> None:
        """
        Check that the file, read late, is the one that was looked at.

        :raises CheckpointError: if it is another by now, or cannot be read.
        """
        if self.written is None or self.written != written_at(self.path):
            check_sha256(self.path, self.sha256)


def stored_weights(row: ModelSpec, checkpoint: str = '') -> StoredWeights:
    """
    Find the file of a model's weights, and say what it was made of and under which licence.

    :param row: of the model.
    :param checkpoint: a local file; empty takes the published one, downloaded on first use.
    :raises CheckpointError: if the file is missing, damaged as far as its header tells, of
        another output than the row, or cannot be downloaded.
    """
    path = local_file(checkpoint) if checkpoint else published_file(row)
    check_size(path)
    written = written_at(path)
    wanted = '' if checkpoint else expected_sha256(row, path)
    sha256 = checked_sha256(path, wanted, row.weights_file)
    file = CheckpointFile.read(path)
    spec = spec_of_file(row, file, sha256)
    if file.packed is not None:
        _log_packing(file.packed, path)
    _log_licence(spec, path, sha256)
    origin: Origin = 'checkpoint' if checkpoint else 'pretrained'
    return StoredWeights(spec, file, origin, sha256, written)


def check_sha256(path: Path, sha256: str) -> None:
    """
    Check that a file of weights is the one that was looked at.

    :param sha256: that it had then.
    :raises CheckpointError: if it is another by now, or cannot be read.
    """
    if file_sha256(path) != sha256:
        raise CheckpointError(
            f"checkpoint '{path}' has changed since it was looked at; load the model again"
        )


def check_kind(weights: str, checkpoint: str) -> None:
    """
    Check which weights are asked for.

    :raises ConfigError: if they are of no known kind, or random ones and a file are asked for.
    """
    if weights not in _KINDS:
        raise ConfigError(
            f"parameter 'weights': unknown value '{weights}'; known: {', '.join(_KINDS)}"
        )
    check_origin(weights, checkpoint)


def _log_packing(header: PackedHeader, path: Path) -> None:
    """Say what a packed file was made of."""
    _LOG.info('%s: packed by %s', path, header.recipe)
    if header.parent_origin == 'random':
        _LOG.warning('%s was packed from random weights: its output means nothing', path)


def _log_licence(spec: ModelSpec, path: Path, sha256: str) -> None:
    non_commercial = '-NC-' in spec.licence
    _LOG.log(
        logging.WARNING if non_commercial else logging.INFO,
        '%s: %s, weights from %s (sha256 %s), licence of the published weights: %s%s',
        spec.name, spec.output, path, sha256, spec.licence,
        ' (no commercial use)' if non_commercial else '',
    )  # fmt: skip
