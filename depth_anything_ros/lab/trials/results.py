"""What trials found over all their drives; the fields in order are the keys in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.json_text import FLAT
from depth_anything_ros.lab.benchmark.timing import statistics
from depth_anything_ros.lab.bootstrap import ratio_interval
from depth_anything_ros.lab.trials.completion_trial import FUSED, GLOBAL, Hidden, Spoilt
from depth_anything_ros.lab.trials.model_trial import ModelTrial
from depth_anything_ros.lab.trials.refinement_trial import Record
from depth_anything_ros.lab.trials.scale_trial import Trial


@dataclass(frozen=True)
class SourceResult:
    """
    The figures of one scale source at one height; errors are relative, None is not known.

    `refused` counts frames without a fit; times are those of a frame.
    """

    source: str
    height_m: float
    depth_error_p50: float | None
    depth_error_max: float | None
    scale_error_p50: float | None
    refused: int
    p50_ms: float
    p95_ms: float | None

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> SourceResult:
        """Return the figures of the trials of one source at one height, at least one."""
        depth = [error for trial in trials for error in trial.depth_errors]
        scale = [error for trial in trials for error in trial.scale_errors]
        timing = statistics([duration for trial in trials for duration in trial.durations_ms])
        return cls(
            source=trials[0].name,
            height_m=trials[0].height_m,
            depth_error_p50=float(np.median(depth)) if depth else None,
            depth_error_max=max(depth, default=None),
            scale_error_p50=float(np.median(scale)) if scale else None,
            refused=sum(len(trial.refusals) for trial in trials),
            p50_ms=timing.p50_ms,
            p95_ms=timing.p95_ms,
        )


@dataclass(frozen=True)
class ModelResult:
    """
    The figures of a network with one scale source at one height.

    `abs_rel` is that with the source, `best_abs_rel` that with scale and shift fitted to the truth
    of the same frames, `ratio` the first over the second. `field_abs_rel` is that with the local
    scale field, `field_ratio` it over `abs_rel`, within `field_interval` by drives, and
    `field_worst` the largest ratio on one drive. None is not known.
    """

    source: str
    height_m: float
    abs_rel: float | None
    best_abs_rel: float | None
    ratio: float | None
    frames: int
    without_scale: int
    refused: int
    field_abs_rel: float | None
    field_ratio: float | None
    field_interval: tuple[float, float] | None
    field_worst: float | None

    @classmethod
    def of(cls, trials: Sequence[ModelTrial]) -> ModelResult:
        """Return the figures of the trials with one source at one height, at least one."""
        found = [value for trial in trials for value in trial.abs_rel]
        best = [value for trial in trials for value in trial.best_abs_rel]
        local = [value for trial in trials for value in trial.field_abs_rel]
        online, optimum, corrected = (
            float(np.mean(values)) if values else None for values in (found, best, local)
        )
        frames = sum(trial.frames for trial in trials)
        by_drive = {
            str(trial.seed): np.column_stack([trial.field_abs_rel, trial.abs_rel])
            for trial in trials
            if trial.abs_rel
        }
        interval = ratio_interval(by_drive)
        return cls(
            source=trials[0].name,
            height_m=trials[0].height_m,
            abs_rel=online,
            best_abs_rel=optimum,
            ratio=online / optimum if online and optimum else None,
            frames=frames,
            without_scale=frames - len(found),
            refused=sum(len(trial.refusals) for trial in trials),
            field_abs_rel=corrected,
            field_ratio=corrected / online if corrected and online else None,
            field_interval=(interval.low, interval.high) if interval else None,
            field_worst=max((_ratio_of_sums(pairs) for pairs in by_drive.values()), default=None),
        )


def _ratio_of_sums(pairs: NDArray[np.float64]) -> float:
    first, second = pairs.sum(axis=0)
    return float(first / second)


@dataclass(frozen=True)
class OptionResult:
    """
    The figures of one option over all its images.

    `values` are by the names of :class:`Record`: means over the images that tell them, of `ms` the
    median. `added_ms` is the median of the time over the plain way's. `ratio` is the mean AbsRel
    over that of the plain way, on the images that both tell, within `interval`. None is not known.
    """

    option: str
    images: int
    values: Mapping[str, float | None] = field(metadata=FLAT)
    added_ms: float | None
    ratio: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class OptionsResult:
    """The figures of all options on one kind of images."""

    title: str
    images: int
    results: Sequence[OptionResult]


def compare_options(records: Sequence[Record]) -> list[OptionResult]:
    """Return the figures of every option over all its records, which start with the plain way."""
    keys = dict.fromkeys(key for record in records for key in record.values)
    by_option: dict[str, list[Record]] = {}
    for record in records:
        by_option.setdefault(record.option, []).append(record)
    plain = next(iter(by_option.values()), [])
    return [
        _compare_option(name, own, plain, {key: _average(own, key) for key in keys})
        for name, own in by_option.items()
    ]


def _average(records: Iterable[Record], key: str) -> float | None:
    told = [record.values[key] for record in records if key in record.values]
    if not told:
        return None
    return float(np.median(told) if key == 'ms' else np.mean(told))


def _compare_option(
    name: str,
    own: Sequence[Record],
    plain: Sequence[Record],
    values: Mapping[str, float | None],
) -> OptionResult:
    added = [with_it - without for _, with_it, without in _pairs(plain, own, 'ms')]
    pairs = _pairs(plain, own, 'abs_rel')
    sources: dict[str, list[tuple[float, float]]] = {}
    for source, with_it, without in pairs:
        sources.setdefault(source, []).append((with_it, without))
    interval = ratio_interval({source: np.array(both) for source, both in sources.items()})
    total = sum(without for _, _, without in pairs)
    return OptionResult(
        option=name,
        images=len(own),
        values=values,
        added_ms=float(np.median(added)) if added else None,
        ratio=sum(with_it for _, with_it, _ in pairs) / total if total else None,
        interval=(interval.low, interval.high) if interval else None,
    )


def _pairs(
    plain: Sequence[Record], own: Sequence[Record], key: str
) -> list[tuple[str, float, float]]:
    """Return source, own value and plain value of the images that tell both."""
    return [
        (record.source, record.values[key], before.values[key])
        for before, record in zip(plain, own, strict=True)
        if key in record.values and key in before.values
    ]


def _ratio(value: float, whole: float) -> float | None:
    return value / whole if whole > 0 else None


@dataclass(frozen=True)
class CompletionResult:
    """
    The figures of fused depth over all images with pixels hidden in one way.

    `abs_rel` are means over images by method, of the hidden pixels; `to_global` is that of `fused`
    over that of `global`, within `interval`, and `to_best` over the least of the other methods.
    `step` is the mean step of depth over the rims of holes over the true one. Ratios are None
    where what they are over is zero, as the true step is on flat walls and coarse depth.
    """

    hiding: str
    images: int
    abs_rel: Mapping[str, float] = field(metadata=FLAT)
    to_global: float | None
    interval: tuple[float, float] | None
    to_best: float | None
    step: float | None
    changed: int
    p50_ms: float

    @classmethod
    def of(cls, records: Sequence[Hidden]) -> CompletionResult:
        """Return the figures of the records of one way to hide, at least one."""
        abs_rel = {
            method: float(np.mean([record.abs_rel[method] for record in records]))
            for method in records[0].abs_rel
        }
        best = min(value for method, value in abs_rel.items() if method != FUSED)
        sources: dict[str, list[tuple[float, float]]] = {}
        for record in records:
            pair = record.abs_rel[FUSED], record.abs_rel[GLOBAL]
            sources.setdefault(record.source, []).append(pair)
        interval = ratio_interval({source: np.array(pairs) for source, pairs in sources.items()})
        stepping = [record for record in records if np.isfinite(record.step)]
        step = sum(record.step for record in stepping)
        true_step = sum(record.true_step for record in stepping)
        return cls(
            hiding=records[0].hiding,
            images=len(records),
            abs_rel=abs_rel,
            to_global=_ratio(abs_rel[FUSED], abs_rel[GLOBAL]),
            interval=(interval.low, interval.high) if interval else None,
            to_best=_ratio(abs_rel[FUSED], best),
            step=_ratio(step, true_step),
            changed=sum(record.changed for record in records),
            p50_ms=float(np.median([record.ms for record in records])),
        )


@dataclass(frozen=True)
class OutlierResult:
    """The figures of refused pixels, means over images; see :class:`Spoilt`."""

    images: int
    caught: float
    false: float
    clean: float

    @classmethod
    def of(cls, records: Sequence[Spoilt]) -> OutlierResult:
        """Return the figures of the records, at least one."""
        caught, false, clean = np.mean(
            [(record.caught, record.false, record.clean) for record in records], axis=0
        ).tolist()
        return cls(len(records), caught, false, clean)
