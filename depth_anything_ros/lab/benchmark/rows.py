"""The results of a benchmark; their fields in order are the keys in JSON and the CSV columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from depth_anything_ros.json_text import FLAT, keys, record
from depth_anything_ros.lab.benchmark.network import PartCounts
from depth_anything_ros.lab.benchmark.plan import Target, asked_text
from depth_anything_ros.lab.benchmark.timing import Statistics
from depth_anything_ros.table import Table
from depth_anything_ros.types import Precision

NOT_TIMED = 'not timed'

_FILE_FORMS: tuple[Callable[[Path], str], ...] = (
    lambda path: path.stem,
    lambda path: f'{path.parent.name}/{path.name}',
    str,
)


@dataclass(frozen=True)
class NetworkCounts:
    """Count parameters and multiply-accumulates for one image; None where a part is not known."""

    parameters: int
    encoder_parameters: int | None
    decoder_parameters: int | None
    macs: int
    encoder_macs: int | None
    decoder_macs: int | None
    gflop: float

    @classmethod
    def of(cls, parameters: PartCounts, operations: PartCounts) -> NetworkCounts:
        """Return the counts of a network whose two counts are known."""
        return cls(
            parameters.total, parameters.encoder, parameters.decoder,
            operations.total, operations.encoder, operations.decoder, 2e-9 * operations.total,
        )  # fmt: skip


@dataclass(frozen=True)
class BenchmarkRow:
    """
    What was asked for and what was measured of one network; None is not known.

    `file` tells its checkpoint from that of other rows, `asked_size` is the input size as given
    on the command line. `reason` says why a row failed. `speedup` and the errors refer to the
    baseline of the model, `times_first` to the row of `first_model`. Times without other words
    are medians.
    """

    group: int
    baseline: bool
    model: str
    checkpoint: str
    file: str
    weights: str
    recipe: str
    sha256: str
    revision: str
    asked_size: str
    input_size: tuple[int, int] | None
    backend: str
    precision: Precision
    device: str
    threads: int
    status: Literal['ok', 'failed'] = 'failed'
    reason: str = NOT_TIMED
    note: str = ''
    counts: NetworkCounts | None = field(default=None, metadata=FLAT)
    integers: bool | None = None
    load_s: float | None = None
    first_frame_ms: float | None = None
    runs: int | None = None
    times: Statistics | None = field(default=None, metadata=FLAT)
    speedup: float | None = None
    times_first: float | None = None
    first_model: str | None = None
    gflop_per_s: float | None = None
    peak_gflop_per_s: float | None = None
    share_of_peak: float | None = None
    max_error: float | None = None
    mean_error: float | None = None
    preprocess_ms: float | None = None
    encoder_ms: float | None = None
    decoder_ms: float | None = None
    network_ms: float | None = None
    postprocess_ms: float | None = None
    peak_resident_bytes: int | None = None
    peak_device_bytes: int | None = None
    memory_failure: str | None = None

    @classmethod
    def planned(cls, target: Target, number: int) -> BenchmarkRow:
        """
        Return the row of a target before it is measured.

        :param number: of the group that it takes turns with.
        """
        request = target.request
        return cls(
            group=number,
            baseline=target.baseline,
            model=request.options.model,
            checkpoint=request.options.checkpoint,
            file=request.file,
            weights=request.options.weights,
            recipe='',
            sha256='',
            revision='',
            asked_size=asked_text(target.asked),
            input_size=request.size,
            backend=target.backend,
            precision=request.selection.precision,
            device=request.selection.device,
            threads=request.options.threads,
            reason=target.failure or NOT_TIMED,
        )

    @property
    def timed(self) -> TimedRow | None:
        """Return the row with what is known of each that was timed, None for one that failed."""
        if self.status == 'failed' or not (self.input_size and self.counts and self.times):
            return None
        return TimedRow(self, self.input_size, self.counts, self.times)

    @property
    def title(self) -> str:
        """Return the model with what tells its checkpoint from that of others."""
        return _title(self.model, self.recipe, self.file)

    @property
    def way(self) -> str:
        """Return what runs it, with any device but the CPU."""
        device = '' if self.device == 'cpu' else f' {self.device}'
        return f'{self.backend} {self.precision.value}{device}'


class TimedRow(NamedTuple):
    """A row that was timed, its input size, counts and times."""

    row: BenchmarkRow
    size: tuple[int, int]
    counts: NetworkCounts
    times: Statistics


@dataclass(frozen=True)
class LayerStatistics:
    """
    Describe the output of one call of a layer.

    `name` is the path of the layer in the network, with #2, #3 … for further calls in one run;
    `kind` its class; `shape` that of the output. `minimum`, `maximum`, `mean` and `std` (of the
    population) are over all numbers, None where NaN or infinity among these makes them so;
    `not_finite` says how many these are. `sparsity` is the share of numbers that are exactly 0.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    sparsity: float
    not_finite: int


@dataclass(frozen=True)
class LayerRow:
    """Describe a layer and say whose it is: of which model, checkpoint, input size and part."""

    model: str
    checkpoint: str
    file: str
    weights: str
    input_size: tuple[int, int]
    part: Literal['encoder', 'decoder']
    statistics: LayerStatistics = field(metadata=FLAT)

    @property
    def title(self) -> str:
        """Return the model with what tells its checkpoint from that of others."""
        return _title(self.model, '', self.file)


@dataclass(frozen=True)
class BenchmarkResult:
    """
    All rows and what they were measured with.

    `environment` are machine and versions; `complete` is False where it was interrupted.
    """

    environment: dict[str, str | int]
    threads: int
    runs: int
    baseline_runs: int
    warmup: int
    complete: bool
    results: Sequence[BenchmarkRow]
    layers: Sequence[LayerRow]


def rows_table(rows: Sequence[BenchmarkRow] | Sequence[LayerRow]) -> Table:
    """Return rows as a table for CSV, a column for each key; sizes are written as 256x336."""
    cells = [
        [size_text(cell) if isinstance(cell, tuple) else cell for cell in record(row).values()]
        for row in rows
    ]
    return Table(keys(type(rows[0])) if rows else [], cells)


def timed_rows(rows: Iterable[BenchmarkRow]) -> list[TimedRow]:
    """Return the rows that were timed."""
    return [timed for row in rows if (timed := row.timed) is not None]


def file_names(checkpoints: Iterable[str]) -> dict[str, str]:
    """
    Name checkpoints as shortly as tells them apart.

    By the stem of the file; with its folder and suffix, or its whole path, where another has
    the same.

    :param checkpoints: paths, empty for that of the model.
    """
    paths = {text: Path(text) for text in checkpoints}
    names = {}
    for text, path in paths.items():
        for form in _FILE_FORMS:
            names[text] = form(path)
            if [form(other) for other in paths.values()].count(names[text]) == 1:
                break
    return names


def size_text(size: Sequence[int]) -> str:
    """Return a size as height x width."""
    return 'x'.join(map(str, size))


def _title(model: str, recipe: str, file: str) -> str:
    return ' '.join(word for word in (model, recipe, '' if file == recipe else file) if word)
