"""
What compression costs: every recipe of a model measured in the same way as its parent.

A study goes recipe by recipe, the parent first, in steps: the file, the scores on each data set,
the latency and the memory with each backend. The result of a step is kept at once, so that a study
that was stopped goes on with what is missing.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from depth_anything_ros.errors import BackendError, CompressionError, DatasetError, WorkerError
from depth_anything_ros.files import write_bytes
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.inference.preprocess import check_multiple
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.lab.benchmark.footprint import peak_memory_bytes
from depth_anything_ros.lab.benchmark.network import NetworkRequest
from depth_anything_ros.lab.benchmark.timing import (
    Contender,
    Progress,
    measure_interleaved,
    statistics,
)
from depth_anything_ros.lab.compression.chain import chain_text
from depth_anything_ros.lab.compression.fidelity import output_sqnr_db
from depth_anything_ros.lab.compression.format import nonzero_weights, write_packed
from depth_anything_ros.lab.compression.recipe import Recipe, compress, layers_of
from depth_anything_ros.lab.compression.study_results import (
    FileResult,
    LatencyResult,
    MemoryResult,
    NetworkScores,
    StepResult,
    StudyEntry,
    StudyResult,
)
from depth_anything_ros.lab.compression.study_scores import score_network
from depth_anything_ros.lab.datasets import Dataset
from depth_anything_ros.lab.datasets.offline import Subject
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, scored_view
from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.metadata import own_metadata
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.scale.focal_length import scale_of_model
from depth_anything_ros.types import DepthSample

PARENT = 'float32'
"""The name of the model before compression among the recipes."""

T = TypeVar('T')
R = TypeVar('R', FileResult, NetworkScores, LatencyResult, MemoryResult)


@dataclass(frozen=True)
class StudyConfig:
    """
    Set how things are measured.

    `selections` run the networks: the first of them for the scores, each for latency and memory.
    `input_size` is the shorter side of their input in pixels, 0 the model's own. `rule` says what
    is scored; whatever its alignment, that is done without one and with scale and shift. `runs`
    are timed after `warm_up` others; `threads` 0 leaves the number of CPU threads to the library.
    """

    selections: tuple[Selection, ...]
    input_size: int = 0
    rule: ScoringRule = field(default_factory=ScoringRule)
    runs: int = 50
    warm_up: int = 3
    threads: int = 0


@dataclass(frozen=True)
class StudyInputs:
    """
    What is looked at.

    `data` are the data sets by the words that name them, at least one. `compared` are the network
    inputs that SQNR is taken over; `calibration` gives those of recipes that are calibrated, named
    by `calibration_name`. Each input is float32 (1, 3, h, w).
    """

    data: Mapping[str, Dataset]
    compared: Callable[[], Iterable[Tensor]]
    calibration: Callable[[], Sequence[Tensor]]
    calibration_name: str


@dataclass(frozen=True)
class Measurement:
    """Name something to measure of a recipe; `run` does it."""

    recipe: str
    name: str
    run: Callable[[], StepResult]


class Study:
    """
    Measure a model and its compressed versions.

    :param folder: where files, and exported networks while it runs, are kept.
    :param parent: the weights of the model.
    :param chains: what to compress it with.
    :param inputs: the images.
    :param config: how to measure.
    :param journal: of results, which may hold those of an earlier run.
    :param progress: shows how far it is.
    :raises CompressionError: if the weights are rounded for integers already.
    :raises ConfigError: if the input size is no multiple of the model's patch.
    """

    def __init__(
        self,
        folder: Path,
        parent: Weights,
        chains: Sequence[Sequence[Recipe]],
        inputs: StudyInputs,
        config: StudyConfig,
        journal: Journal[StudyEntry],
        progress: Progress,
    ) -> None:
        if config.input_size:
            check_multiple('input size', config.input_size, parent.spec.patch)
        if parent.activation_ranges:
            raise CompressionError(
                f"'{parent.path}' multiplies integers already; a study starts from weights in "
                'floating point'
            )
        self.spec = parent.spec
        self.config = config
        self.folder = folder
        self.chains = {chain_text(chain): tuple(chain) for chain in chains}
        self.names = (PARENT, *self.chains)
        self._parent = parent
        self._inputs = inputs
        self._journal = journal
        self._known = {(entry.recipe, entry.step): entry.result for entry in journal.entries
                       if not entry.failed}  # fmt: skip
        self._progress = progress
        self._predictors: dict[tuple[str, Selection], Predictor] = {}

    def run(self) -> int:
        """
        Do the steps that are missing.

        :return: how many they were.
        :raises CompressionError: if a recipe needs images and there are none.
        :raises DatasetError: if no image of a data set can be read.
        :raises OutputError: if a file cannot be written.
        """
        missing = [
            measurement for measurement in self._measurements() if not self._is_done(measurement)
        ]
        for measurement in self._progress(missing, len(missing), 'study'):
            result = measurement.run()
            self._journal.add([StudyEntry(measurement.recipe, measurement.name, result)])
            self._known[measurement.recipe, measurement.name] = result
        return len(missing)

    def results(self) -> list[StudyResult]:
        """Return what is known of the parent and each recipe, after :meth:`run`."""
        labels = [label(selection) for selection in self.config.selections]
        return [
            StudyResult(
                name,
                self._found(FileResult, name, 'file'),
                {word: self._found(NetworkScores, name, self._scores_name(word))
                 for word in self._inputs.data},
                {text: self._found(LatencyResult, name, f'latency {text}') for text in labels},
                {text: self._found(MemoryResult, name, f'memory {text}') for text in labels},
            )
            for name in self.names
        ]  # fmt: skip

    def _found(self, kind: type[R], name: str, step: str) -> R:
        result = self._known[name, step]
        assert isinstance(result, kind), f'{step} is no {kind.__name__}'
        return result

    def path(self, name: str) -> Path:
        """Return the file of a recipe, or of the parent in float32."""
        stem = re.sub(r'[^\w.]+', '_', name).strip('_')
        return self.folder / 'files' / f'{stem}.safetensors'

    def predictor(self, name: str, selection: Selection) -> Predictor:
        """Return a recipe's network; that of the parent is kept, and that of one recipe."""
        key = name, selection
        if key not in self._predictors:
            self._predictors = {
                kept: predictor
                for kept, predictor in self._predictors.items()
                if kept[0] in (PARENT, name)
            }
            self._predictors[key] = create_predictor(self._options(name, selection))
        return self._predictors[key]

    def _options(self, name: str, selection: Selection) -> NetworkOptions:
        return NetworkOptions(
            self.spec.name,
            str(self.path(name)),
            backend=selection.backend,
            precision=selection.precision.value,
            device=selection.device,
            input_size=self.config.input_size,
            threads=self.config.threads,
            cache_dir=str(self.cache_dir),
        )

    @property
    def cache_dir(self) -> Path:
        """Return the folder of exported networks, of no use after the study."""
        return self.folder / 'cache'

    def _measurements(self) -> Iterator[Measurement]:
        for name in self.names:
            yield Measurement(name, 'file', partial(self._file, name))
            for word, dataset in self._inputs.data.items():
                yield Measurement(
                    name, self._scores_name(word), partial(self._scores, name, dataset)
                )
            for selection in self.config.selections:
                text = label(selection)
                yield Measurement(name, f'latency {text}', partial(self._latency, name, selection))
                yield Measurement(name, f'memory {text}', partial(self._memory, name, selection))

    def _is_done(self, measurement: Measurement) -> bool:
        result = self._known.get((measurement.recipe, measurement.name))
        if not isinstance(result, FileResult):
            return result is not None
        path = self.path(measurement.recipe)
        return path.is_file() and file_sha256(path) == result.sha256

    def _scores_name(self, word: str) -> str:
        """Return the name of the scores, another one for another backend or other images."""
        dataset = self._inputs.data[word]
        names = '\n'.join(dataset.sample_name(index) for index in range(len(dataset)))
        digest = hashlib.sha256(names.encode()).hexdigest()[:12]
        return f'scores {label(self.config.selections[0])} {word} {digest}'

    def _file(self, name: str) -> FileResult:
        path = self.path(name)
        layers = list(layers_of(self.spec))
        state = {key: PackedTensor(values) for key, values in self._parent.state.items()}
        if name == PARENT:
            write_float32(path, self._parent)
        else:
            recipes = self.chains[name]
            calibrated = any(recipe.calibrated for recipe in recipes)
            images = self._calibration if calibrated else ()
            state = compress(self.spec, self._parent.state, recipes, images)
            source = self._inputs.calibration_name if calibrated else None
            write_packed(path, state, self.spec.name, recipes, self._parent, source)
        nonzero, count = nonzero_weights(state, layers)
        reference, _ = load_estimator(self.spec.name, str(self.path(PARENT)))
        written, weights = load_estimator(self.spec.name, str(path))
        sqnr_db = output_sqnr_db(reference, written, self._inputs.compared())
        return FileResult(
            bytes=path.stat().st_size,
            sha256=weights.sha256,
            weights=count,
            nonzero_weights=nonzero,
            sqnr_db=sqnr_db if math.isfinite(sqnr_db) else None,
            identical=sqnr_db == math.inf,
        )

    def _scores(self, name: str, dataset: Dataset) -> NetworkScores:
        predictor = self.predictor(name, self.config.selections[0])
        shown = self._progress(range(len(dataset)), len(dataset), f'{name} {dataset.name}')
        subject = Subject(predictor.predict, scale=scale_of_model(predictor))
        return score_network(subject, dataset, shown, self.config.rule)

    def _latency(self, name: str, selection: Selection) -> LatencyResult:
        """Time the network in turns with that of the parent, so that their ratio is fair."""
        contenders = []
        for contender in dict.fromkeys((PARENT, name)):
            predictor = self.predictor(contender, selection)
            run = partial(predictor.infer, predictor.preprocess(self._first_sample.rgb))
            contenders.append(Contender(contender, run, self.config.runs))

        def show(turns: list[int]) -> Iterable[int]:
            return self._progress(turns, len(turns), f'{name} {label(selection)}')

        timings = measure_interleaved(contenders, self.config.warm_up, progress=show)
        failure = next((timing.failure for timing in timings if timing.failure), '')
        if failure:
            return LatencyResult(None, None, None, failure)
        parent, own = (statistics(timings[place].durations_ms) for place in (0, -1))
        return LatencyResult(own.p50_ms, own.p95_ms, parent.p50_ms / own.p50_ms, '')

    def _memory(self, name: str, selection: Selection) -> MemoryResult:
        predictor = self.predictor(name, selection)
        size = predictor.network_size(*self._first_sample.rgb.shape[:2])
        request = NetworkRequest(replace(self._options(name, selection), input_size=size))
        try:
            # Exports the network if it has to be, so that the other process finds it.
            predictor.build(size)
            return MemoryResult(peak_memory_bytes(request), '')
        except (BackendError, WorkerError) as error:
            return MemoryResult(None, str(error))

    @cached_property
    def _calibration(self) -> Sequence[Tensor]:
        return self._inputs.calibration()

    @cached_property
    def _first_sample(self) -> DepthSample:
        sample = first_readable(next(iter(self._inputs.data.values())))
        return scored_view(sample, self.config.rule)


def label(selection: Selection) -> str:
    """Return a backend and its precision as people read it, with any device but the CPU."""
    device = '' if selection.device == 'cpu' else f' {selection.device}'
    return f'{selection.backend} {selection.precision.value}{device}'


def first_readable(dataset: Dataset) -> DepthSample:
    """
    Return the first sample of a data set that can be read.

    :raises DatasetError: if there is none.
    """
    reason = 'it is empty'
    for index in range(len(dataset)):
        try:
            return dataset[index]
        except DatasetError as error:
            reason = str(error)
    raise DatasetError(f"no image of '{dataset.name}' can be read: {reason}")


def write_float32(path: Path, weights: Weights) -> None:
    """
    Write weights as an ordinary checkpoint in float32, the whole of it or nothing.

    It says what its output means.

    :raises OutputError: if it cannot be written.
    """
    from safetensors.torch import save

    state = {key: values.contiguous() for key, values in weights.state.items()}
    write_bytes(path, save(state, own_metadata(weights.spec)))
