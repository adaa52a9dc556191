"""Runs that are over, read from their folders and compared image by image."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import DatasetError, broken_form
from depth_anything_ros.evaluation.comparable import protocol_difference, same_truth
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.report import FRAMES, SUMMARY
from depth_anything_ros.evaluation.table import SCORE_DETAILS, column
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.lab.datasets.comparison import summarise
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import DataResult

IMAGES = 'images.csv'
_UNSCORED = 'not scored'
# The source of all frames of a run.
_FRAMES = 'frames'
_ALIGNMENT = 'alignment '

# (source, name) of an image.
Key = tuple[str, str]
Outcome = FrameScore | str


@dataclass(frozen=True)
class FinishedRun:
    """
    The outcomes of one model: its scores, or why there is none, by data and by image.

    `protocol` is how they were scored. `complete` tells that every image of the run is
    there, in its order; the names of images of a run of nodes are their stamps. `doubts` are what
    a reader must know of it.
    """

    label: str
    protocol: Mapping[str, object]
    outcomes: Mapping[str, Mapping[Key, Outcome]]
    complete: bool = False
    doubts: Sequence[str] = ()


@dataclass(frozen=True)
class ComparedRuns:
    """What runs say together; the first is the one that others are compared with."""

    data: Sequence[DataResult]
    runs: Sequence[str]
    protocol: Mapping[str, object]
    warnings: Sequence[str]


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """
    Read the runs in folders that the verb `evaluate` or the evaluator node wrote.

    A folder with several models is several runs; one of its files stands for it too.

    :raises DatasetError: if a folder is of neither, cannot be read, or two runs share a name.
    """
    folders = [path.parent if path.is_file() else path for path in folders]
    runs = [run for folder in folders for run in _runs_in(folder, _labels(folders)[folder])]
    if len(runs) < 2:
        raise DatasetError(f"'{folders[0]}' holds a single run; two or more are compared")
    for label, count in Counter(run.label for run in runs).items():
        if count > 1:
            raise DatasetError(f"{count} runs are called '{label}'; give each folder once")
    return runs


def compare_runs(runs: Sequence[FinishedRun], judged_by: str | None = None) -> ComparedRuns:
    """
    Compare runs on the images that all of them have.

    :param judged_by: the metric of the verdicts; None is that of `judging_metric`.
    :raises DatasetError: if they were scored by different protocols, or have nothing in common, as
        where other pictures have the same names.
    """
    first = runs[0]
    for run in runs[1:]:
        _require_one_protocol(first, run)
    warnings = [f'{run.label}: {doubt}' for run in runs for doubt in run.doubts]
    data = []
    for word in first.outcomes:
        outcomes = [_outcomes_of(run, first, word, warnings) for run in runs]
        if outcomes[0] and all(outcomes):
            images, told = _paired(runs, outcomes)
            labels = [run.label for run in runs]
            data.append(summarise(word, images, labels, warnings=told, judged_by=judged_by))
    if not data:
        words = '; '.join(f'{run.label}: {", ".join(run.outcomes)}' for run in runs)
        raise DatasetError(f'the runs have no data in common: {words}')
    return ComparedRuns(data, [run.label for run in runs], first.protocol, warnings)


def _labels(folders: Sequence[Path]) -> dict[Path, str]:
    """Return the shortest names of folders: their own, or with the way to them."""
    names = Counter(folder.resolve().name for folder in folders)
    return {
        folder: str(folder) if names[folder.resolve().name] > 1 else folder.resolve().name
        for folder in folders
    }


def _runs_in(folder: Path, label: str) -> Iterator[FinishedRun]:
    if not folder.is_dir():
        raise DatasetError(f"there is no folder '{folder}'")
    evaluated = (folder / IMAGES).is_file()
    if not evaluated and not (folder / FRAMES).is_file():
        raise DatasetError(
            f"'{folder}' holds neither {IMAGES} of `evaluate` nor {FRAMES} of the evaluator"
        )
    try:
        summary = parse_json((folder / SUMMARY).read_bytes())
        if evaluated:
            yield from _evaluated(folder, label, summary)
        else:
            yield _played(folder, label, summary)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        raise DatasetError(
            f"'{folder}' cannot be read as the results of a run: {broken_form(error)}"
        ) from error


def _evaluated(folder: Path, label: str, summary: Any) -> Iterator[FinishedRun]:
    """Yield the models of a run of the verb `evaluate`."""
    protocol = summary['protocol']
    rows = _rows(folder / IMAGES, ['data', 'source', 'image', 'predictor', 'pixels', 'problem'])
    for model, identity in summary['models'].items():
        outcomes: dict[str, dict[Key, Outcome]] = {}
        for row in rows:
            if row['predictor'] == model:
                found = outcomes.setdefault(row['data'], {})
                _put(found, (row['source'], row['image']), _outcome(row, ''), folder)
        name = label if len(summary['models']) == 1 else f'{label}: {model}'
        yield FinishedRun(name, protocol, outcomes, doubts=_doubts_of(identity))


def _played(folder: Path, label: str, summary: Any) -> FinishedRun:
    """Return a run of the nodes; its data are the alignments."""
    outcomes: dict[str, dict[Key, Outcome]] = {}
    for row in _rows(folder / FRAMES, ['stamp_ns', 'problem']):
        for mode in AlignmentMode:
            if column(mode, 'pixels') in row:
                found = outcomes.setdefault(_ALIGNMENT + mode.value, {})
                _put(found, (_FRAMES, row['stamp_ns']), _outcome(row, column(mode, '')), folder)
    frames = summary['frames']
    answered = frames['scored'] + frames['unscored'] == frames['sent']
    complete = answered and summary['finished'] is True
    doubts = _doubts_of(summary.get('model'))
    if not summary['finished']:
        doubts.append('it was stopped before its end, or still goes on')
    return FinishedRun(label, summary['protocol'], outcomes, complete, doubts)


def _doubts_of(identity: Mapping[str, object] | None) -> list[str]:
    """Return what is odd about a model."""
    random = identity is not None and identity.get('weights') == 'random'
    return ['random weights: the depth means nothing'] if random else []


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """
    Read the lines of a table.

    :param columns: some that it has.
    :raises DatasetError: if it lacks one of them, or a line is not whole.
    """
    with path.open(newline='', encoding='utf-8-sig') as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(
                f"'{path}' has no column {', '.join(missing)}; another program has written it, as "
                'a spreadsheet with semicolons between cells, or another version of this one'
            )
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise DatasetError(
                    f"line {reader.line_num} of '{path}' has not as many cells as its header; was "
                    'it cut off?'
                )
            rows.append(row)
        return rows


def _put(outcomes: dict[Key, Outcome], key: Key, outcome: Outcome, folder: Path) -> None:
    if key in outcomes:
        raise DatasetError(
            f"'{folder}' has two images called '{key[1]}', which cannot be told apart"
        )
    outcomes[key] = outcome


def _outcome(row: Mapping[str, str], prefix: str) -> Outcome:
    """Return the score in a row, or why there is none."""
    if not row[f'{prefix}pixels']:
        return row['problem'] or _UNSCORED
    values = {
        metric: _number(row[f'{prefix}{metric}'])
        for metric in METRICS
        if row.get(f'{prefix}{metric}')
    }
    # Pairs of points have no coverage, older runs no truth.
    pixels, coverage, scale, shift, truth_mean_m = (
        _number(row.get(f'{prefix}{name}') or 'nan') for name in SCORE_DETAILS
    )
    return FrameScore(values, int(pixels), coverage, scale, shift, truth_mean_m)


def _number(text: str) -> float:
    """
    Return a score, NaN where there is none.

    :raises ValueError: if it is infinite, or no number.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"a score is '{text}'")
    return number


def _require_one_protocol(first: FinishedRun, other: FinishedRun) -> None:
    why = protocol_difference(
        f"'{first.label}'", first.protocol, f"'{other.label}'", other.protocol
    )
    if why:
        raise DatasetError(why)


def _outcomes_of(
    run: FinishedRun, first: FinishedRun, word: str, warnings: list[str]
) -> Mapping[Key, Outcome]:
    """Return the outcomes of a run on some data, whatever its name where both have one only."""
    if word in run.outcomes:
        return run.outcomes[word]
    # Alignments are no names that a user chose: one is never another.
    if len(run.outcomes) == len(first.outcomes) == 1 and not word.startswith(_ALIGNMENT):
        (other,) = run.outcomes
        warnings.append(f"'{run.label}' has '{other}', which is taken for '{word}'")
        return run.outcomes[other]
    warnings.append(f"'{run.label}' has no data '{word}', which is left out")
    return {}


def _paired(
    runs: Sequence[FinishedRun], outcomes: Sequence[Mapping[Key, Outcome]]
) -> tuple[list[ImageScores], list[str]]:
    """Return the images that all runs have, and what is odd about that."""
    first, warnings = outcomes[0], []
    common = [key for key in first if all(key in found for found in outcomes)]
    counts = [len(found) for found in outcomes]
    told = ', '.join(f'{run.label}: {count}' for run, count in zip(runs, counts, strict=True))
    if not common:
        if not all(run.complete for run in runs) or len(set(counts)) > 1:
            raise DatasetError(f'the runs have no image in common ({told} images)')
        warnings.append(
            'no stamp is common, as where a bag is played with new stamps; every run answered all '
            f'of its {counts[0]} images, so that they are paired in their order'
        )
        outcomes = [dict(zip(first, found.values(), strict=True)) for found in outcomes]
        common = list(first)
    elif set(counts) != {len(common)}:
        warnings.append(
            f'{len(common)} images are common to all runs, others do not count ({told})'
        )
    images = _of_one_truth([_image(key, runs, outcomes) for key in common], warnings)
    scored = sum(not image.problems for image in images)
    if scored < len(images):
        warnings.append(
            f'means and differences are over the {scored} of {len(images)} common images that '
            'every run has a score for'
        )
    return [_alike(image) for image in images], warnings


def _of_one_truth(images: Sequence[ImageScores], warnings: list[str]) -> Sequence[ImageScores]:
    """Return the images that are the same in all runs, told by their truth."""
    strange = [text for image in images if (text := _other_truth(image))]
    if not strange:
        return images
    told = f'{len(strange)} of {len(images)} common images have other truth: {strange[0]}'
    if len(strange) == len(images):
        raise DatasetError(f'the runs are of other pictures of the same names; {told}')
    warnings.append(f'{told}; they do not count')
    return [image for image in images if not _other_truth(image)]


def _other_truth(image: ImageScores) -> str:
    """Return how the truth of an image differs between runs, '' where it does not."""
    means_m = {label: score.truth_mean_m for label, score in image.scores.items()}
    first = next(iter(means_m), '')
    for label, mean_m in means_m.items():
        if not same_truth(means_m[first], mean_m):
            return (
                f"that of {image.name} is {means_m[first]:.6g} m on average in '{first}', "
                f"{mean_m:.6g} m in '{label}'"
            )
    return ''


def _alike(image: ImageScores) -> ImageScores:
    """Return an image with the scores, and of these the metrics, that all runs have of it."""
    if image.problems:
        return replace(image, scores={})
    known = [
        name
        for name in METRICS
        if not any(math.isnan(found.values.get(name, math.nan)) for found in image.scores.values())
    ]
    scores = {
        label: replace(score, values={name: score.values[name] for name in known})
        for label, score in image.scores.items()
    }
    return replace(image, scores=scores)


def _image(
    key: Key, runs: Sequence[FinishedRun], outcomes: Sequence[Mapping[Key, Outcome]]
) -> ImageScores:
    image = ImageScores(*key)
    for run, found in zip(runs, outcomes, strict=True):
        outcome = found[key]
        if isinstance(outcome, FrameScore):
            image.scores[run.label] = outcome
        else:
            image.problems[run.label] = outcome
    return image
