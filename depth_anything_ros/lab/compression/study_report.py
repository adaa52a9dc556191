"""The files of a study: study.csv, report.md and the plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from depth_anything_ros import files
from depth_anything_ros.escape import markdown
from depth_anything_ros.evaluation.ground import ground_warnings
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.lab.compression.chain import in_words_of_the_paper
from depth_anything_ros.lab.compression.misses import MISSED, Misses
from depth_anything_ros.lab.compression.study_findings import (
    BOUNDS,
    COMPARED,
    breakdowns,
    change,
    contradiction,
    misses,
    sentence,
)
from depth_anything_ros.lab.compression.study_plots import SHOWN, size_plot, sparsity_plot
from depth_anything_ros.lab.compression.study_results import (
    ALIGNED,
    RAW,
    StudyModel,
    StudyProtocol,
    StudyResult,
    StudySummary,
)
from depth_anything_ros.lab.compression.study_scores import metric_names
from depth_anything_ros.lab.compression.study_table import MINI, PAPER, table_1
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS
from depth_anything_ros.lab.datasets.scoring_rule import MOUNTING_OPTIONS
from depth_anything_ros.table import UNKNOWN, Table, number

_MISSED = (
    'Where recipes that miss too many obstacles miss the most, below the parent: found grey, '
    'missed orange, false blue.'
)


def write_csv(path: Path, results: Sequence[StudyResult]) -> None:
    """
    Write one line for every recipe and data set; what is not known is empty.

    Columns: recipe, data, bytes, weights, nonzero_weights, sqnr_db (inf: the same output), images,
    failed, inverted, RAW_METRIC and ALIGNED_METRIC for every metric (of obstacles the latter),
    abs_rel_change (of the aligned one, as a share), then p50_ms, speed_up and peak_bytes with each
    backend.

    :param results: the parent's first.
    :raises OutputError: if the file cannot be written.
    """
    records = [_record(result, results[0], word) for result in results for word in result.scores]
    table = Table(list(records[0]), [list(record.values()) for record in records])
    files.write_text(path, table.csv())


def _record(result: StudyResult, parent: StudyResult, word: str) -> dict[str, object]:
    packed, scores = result.file, result.scores[word]
    record: dict[str, object] = {
        'recipe': result.recipe,
        'data': word,
        'bytes': packed.bytes,
        'weights': packed.weights,
        'nonzero_weights': packed.nonzero_weights,
        'sqnr_db': 'inf' if packed.identical else packed.sqnr_db,
        'images': scores.images,
        'failed': scores.failed,
        'inverted': scores.inverted,
    }
    for mode in (RAW, ALIGNED):
        means = scores.means(mode)
        record |= {f'{mode.value}_{name}': means.get(name) for name in metric_names(mode)}
    record[f'{COMPARED}_change'] = change(result, parent, word)
    for text, timing in result.latency.items():
        record[f'{text} p50_ms'] = timing.p50_ms
        record[f'{text} speed_up'] = timing.speed_up
        record[f'{text} peak_bytes'] = result.memory[text].peak_bytes
    return record


def cost_table(results: Sequence[StudyResult]) -> Table:
    """Return size, likeness, latency and memory of each recipe."""
    headings = ['recipe', 'file MB', 'of parent', 'not zero', 'SQNR dB']
    for text in results[0].latency:
        headings += [f'{text} p50 ms', 'speed-up', 'peak MB']
    rows = [
        [in_words_of_the_paper(result.recipe), *_costs(result, results[0])] for result in results
    ]
    return Table(headings, rows)


def _costs(result: StudyResult, parent: StudyResult) -> Iterator[str]:
    packed = result.file
    yield f'{packed.bytes / 1e6:.2f}'
    yield f'{packed.bytes / parent.file.bytes:.3f}'
    yield f'{packed.nonzero_weights / packed.weights:.1%}'
    yield '∞' if packed.identical else number(packed.sqnr_db, '.1f')
    for text, timing in result.latency.items():
        yield number(timing.p50_ms, '.1f')
        yield number(timing.speed_up, '.2f')
        peak = result.memory[text].peak_bytes
        yield UNKNOWN if peak is None else f'{peak / 1e6:.0f}'


def score_table(results: Sequence[StudyResult], word: str) -> Table:
    """Return the scores on one data set, aligned and raw."""
    headings = ['recipe', *SHOWN, f'{COMPARED} change', METRICS[MISSED].heading, 'more missed']
    headings += [f'raw {name}' for name in SHOWN] + ['failed']
    rows = []
    for result in results:
        scores = result.scores[word]
        rows.append(
            [in_words_of_the_paper(result.recipe)]
            + [number(scores.scale_shift[name], '.4f') for name in SHOWN]
            + [number(change(result, results[0], word), '+.2%')]
            + _miss_cells(misses(result, results[0], word))
            + [number(scores.none[name], '.4f') for name in SHOWN]
            + [str(scores.failed)]
        )
    return Table(headings, rows)


def _miss_cells(found: Misses | None) -> list[str]:
    return [UNKNOWN] * 2 if found is None else [f'{found.after:.2%}', f'{found.added:+.2%}']


def findings(results: Sequence[StudyResult], word: str) -> list[str]:
    """Return what the figures of one data set say, a sentence each."""
    told = [sentence(found) for found in breakdowns(results, word)]
    return [text for text in (*told, contradiction(results, word)) if text]


def warnings(results: Sequence[StudyResult], random: bool) -> list[str]:
    """
    Return what a reader must know of a study.

    :param results: the parent's first.
    :param random: whether the weights are.
    """
    found = ['random weights: no score means anything; sizes and times do'] if random else []
    for result in results:
        for word, scores in result.scores.items():
            name = f'{result.recipe}, {word}'
            missed = misses(result, results[0], word)
            if missed is not None and missed.too_many:
                off = number(change(result, results[0], word), '+.1%')
                found.append(f'{name}: {missed.text}; {COMPARED} {off}')
            # All recipes are scored on the same ground.
            if result is results[0] and scores.ground is not None and scores.ground.told:
                told = ground_warnings(scores.ground, 'images', MOUNTING_OPTIONS)
                found += [f'{word}: {text}' for text in told]
            for problem, count in scores.problems.items():
                found.append(f'{name}: {count} images have no score: {problem}')
            if scores.inverted:
                found.append(
                    f'{name}: the fitted scale is negative in {scores.inverted} of '
                    f'{scores.images} images: there the prediction is upside down'
                )
        failures = [(text, measured.failure) for text, measured in result.latency.items()]
        failures += [(text, measured.failure) for text, measured in result.memory.items()]
        found += [f'{result.recipe}, {text}: {failure}' for text, failure in failures if failure]
    return found


def write_report(
    path: Path,
    summary: StudySummary,
    pictures: Mapping[str, Path],
    missed: Mapping[str, Path] | None = None,
) -> None:
    """
    Write the plots beside a page in Markdown that shows them with the tables.

    :param path: the page; folders on the way are made.
    :param summary: of the whole study.
    :param pictures: of the first image, by the word of the data.
    :param missed: pictures of obstacles that recipes miss, likewise.
    :raises OutputError: if a file cannot be written.
    """
    model, protocol, results = summary.model, summary.protocol, summary.recipes
    lines = [f'# {markdown(model.name)}: what compression costs', '']
    if model.weights == 'random':
        lines += ['**Random weights: no score on this page means anything.**', '']
    lines += [_introduction(model, protocol), '', *cost_table(results).markdown(), '']
    for place, word in enumerate(protocol.data, 1):
        lines += [f'## {markdown(word)}', '', *score_table(results, word).markdown(), '']
        if protocol.conditions.protocol == MINI:
            lines += [f'Table 1 of {PAPER}, beside aligned scores:', '']
            lines += [*table_1(model.name, results, word).markdown(), '']
        lines += [*(f'- {markdown(text)}' for text in summary.findings[word]), '']
        for title, name, png in (
            ('metrics over sparsity', f'sparsity_{place}.png', sparsity_plot(results, word)),
            ('AbsRel over size', f'size_{place}.png', size_plot(results, word)),
        ):
            if png is not None:
                files.write_bytes(path.parent / name, png)
                lines += [f'![{title}]({name})', '']
        if word in pictures:
            lines += [f'![first image]({quote(pictures[word].name)})', '']
        if missed and word in missed:
            lines += [_MISSED, '', f'![obstacles missed]({quote(missed[word].name)})', '']
    if summary.warnings:
        lines += ['## Warnings', '', *(f'- {markdown(text)}' for text in summary.warnings), '']
    files.write_text(path, '\n'.join(lines))


def _introduction(model: StudyModel, protocol: StudyProtocol) -> str:
    conditions = protocol.conditions
    compared, calibration = markdown(conditions.compared), markdown(conditions.calibration)
    range_m = conditions.min_depth_m, conditions.max_depth_m
    rule = PROTOCOLS[conditions.protocol].changed_by(None, range_m).rule
    nearest_m, farthest_m = rule.clamp_m or range_m
    bounds = ' and '.join(f'{bound:.0%}' for bound in BOUNDS)
    return (
        f'{model.weights} weights (sha256 {model.sha256 or "none"}). Scores with '
        f'{protocol.backends[0]} by protocol {conditions.protocol}: truth {rule.truth_text}, each '
        'image counting the same. Raw takes the numbers of the network as metres, clamped to '
        f'{nearest_m:g} to {farthest_m:g} m, which means nothing for inverse depth; else scale '
        'and shift are fitted to the truth of each image in inverse depth, and clamped likewise. '
        "SQNR is that of the network's output in float32 on "
        f'{compared}, ∞ where it is the same in every bit. p50 is of the network alone over '
        f'{conditions.runs} runs, in turns with its parent, and speed-up the ratio '
        'of the two; peak is the resident memory of a fresh process that loads the file and runs '
        'it, Python and libraries included. Ranges of int8_static were found on '
        f'{calibration}. Pruning breaks down where AbsRel is more than {bounds} above '
        "its parent's."
    )
