"""The page of a run: what is wrong, what came out, how it went over time, what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from depth_anything_ros.evaluation.frame_card import KeptFrame, frame_cards
from depth_anything_ros.evaluation.frame_scoring import most_telling
from depth_anything_ros.evaluation.ground import ground_text
from depth_anything_ros.evaluation.mean_doubts import MeanDoubts
from depth_anything_ros.evaluation.metrics import METRICS, Group, is_detail
from depth_anything_ros.evaluation.obstacle_table import obstacle_table
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.evaluation.run_charts import (
    colour_of,
    distance_chart,
    latency_charts,
    metric_chart,
    reliability_chart,
    scale_charts,
    sparsification_chart,
    stage_bars,
)
from depth_anything_ros.evaluation.scale_track import ScaleTrack
from depth_anything_ros.evaluation.summary import RunSummary
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.json_text import record
from depth_anything_ros.page.parts import (
    Charts,
    Facts,
    Figure,
    Fold,
    Gallery,
    Grid,
    Note,
    Page,
    Part,
    Section,
)
from depth_anything_ros.table import Table, number
from depth_anything_ros.types import OutputKind

_IN_CHARTS = ('abs_rel', 'rmse', 'delta1')
_ALIGNMENTS = (
    'Per image, then averaged over images. none takes the numbers as metres (meaningless for a '
    'relative model); scale and scale_shift are fitted to the truth of each image; online is '
    'metric depth as published.'
)
_RANKING = (
    'By AbsRel, each at least a second from the others: neighbours in a video look alike. Clouds '
    'are seen from the right and above.'
)
_DANGERS = (
    'By the shares of obstacles missed, and of near cells seen through, together; each at least a '
    'second from the others. What the camera cannot see is neither missed nor false.'
)
_SCALE = (
    '1 / depth = scale · output + shift, for a relative model, depth = scale / output + shift for '
    'one of depth up to scale and shift. Where the truth asks for a scale that wanders, a fixed '
    'one cannot do; where the two lines part, the scale source is off.'
)
_UNCERTAINTY = (
    'Means over the frames whose uncertainty came, each counting the same. Intervals are of a '
    'normal distribution around depth as published; the least sure pixels are those of the '
    'largest σ / p.'
)
_CONFIDENCE = (
    'Mean over the frames whose confidence came, each counting the same, by the alignment of the '
    'figures above.'
)
_STABILITY = (
    'Mean absolute change of the prediction where the truth stays within 2 %; with a still '
    'camera that is everywhere. Frames after a longer gap than 1.5 times the median do not count. '
    'Compare runs of the same gap only: a run in lockstep loses no frame.'
)


@dataclass(frozen=True)
class Shown:
    """
    What is shown of a run beside its numbers.

    `pictures` are files; `worst` and `best` are frames, the most extreme of each first, `dangers`
    those of which the most obstacles are missed; `scales` are those that the depth node published;
    `doubts` are the curves of its uncertainty and confidence.
    """

    pictures: Sequence[Path] = ()
    worst: Sequence[KeptFrame] = ()
    best: Sequence[KeptFrame] = ()
    dangers: Sequence[KeptFrame] = ()
    scales: ScaleTrack = field(default_factory=ScaleTrack)
    doubts: MeanDoubts = field(default_factory=MeanDoubts)


def run_page(summary: RunSummary, table: FrameTable, shown: Shown, folder: Path) -> Page:
    """
    Return the page of a run.

    :param table: the frames.
    :param folder: of the page, which its links start from.
    """
    modes = [AlignmentMode(name) for name in summary.metrics]
    return Page(
        title=f'Depth evaluation: {summary.model.name if summary.model else "unknown model"}',
        lead=_lead(summary),
        warnings=summary.warnings,
        figures=_figures(summary),
        sections=[
            Section('Accuracy', _accuracy(summary, table, modes)),
            Section('Worst frames', _cards(shown.worst, unfolded=1)),
            Section('Best frames', _cards(shown.best)),
            Section('Obstacles missed', _cards(shown.dangers, note=_DANGERS)),
            Section('Uncertainty', _uncertainty(shown.doubts)),
            Section('Confidence', _confidence(shown.doubts)),
            Section('Scale', _scale(summary, table, shown.scales)),
            Section('Stability', _stability(summary)),
            Section('Latency', _latency(summary, table)),
            Section('Frames', _frames(summary)),
            Section('Pictures', _gallery(shown.pictures, folder)),
            Section('Model', [Facts(record(summary.model))] if summary.model else []),
            Section('Environment', [Facts(summary.environment)]),
        ],
    )


def _cards(frames: Sequence[KeptFrame], unfolded: int = 0, note: str = _RANKING) -> list[Part]:
    return [Note(note), *frame_cards(frames, unfolded)] if frames else []


def _gallery(pictures: Sequence[Path], folder: Path) -> list[Part]:
    return [Gallery.linking(pictures, folder)] if pictures else []


def _lead(summary: RunSummary) -> str:
    protocol = summary.protocol
    return (
        f'{"" if summary.finished else "In the middle of the run. "}Scored against truth within '
        f'{protocol.min_depth_m:g} to {protocol.max_depth_m:g} m, paired within '
        f'{protocol.pairing_tolerance_s:g} s. Latency is from '
        f'{"the stamp" if protocol.latency_from == "stamp" else "the arrival"} of the image to '
        'the arrival of its depth.'
    )


def _figures(summary: RunSummary) -> list[Figure]:
    """Return what the run comes to: scores of the most telling alignment, latency, frames."""
    frames, latency_ms = summary.frames, summary.latency_ms
    figures = []
    mode = most_telling([AlignmentMode(name) for name, of in summary.metrics.items() if of.frames])
    if mode is not None:
        means = summary.metrics[mode.value].means
        for name in _IN_CHARTS:
            unit = METRICS[name].unit
            value = f'{number(means[name], ".3g")} {unit}'.rstrip()
            figures.append(Figure(value, METRICS[name].short, f'alignment {mode.value}'))
    return [
        *figures,
        Figure(f'{number(latency_ms["p50"], ".3g")} ms', 'latency p50',
               f'p95 {number(latency_ms["p95"], ".3g")} ms'),
        Figure(f'{number(summary.rate_hz, ".3g")} Hz', 'rate', 'of predictions'),
        Figure(f'{frames.scored}', 'frames scored', f'of {frames.sent} sent'),
    ]  # fmt: skip


def _accuracy(
    summary: RunSummary, table: FrameTable, modes: Sequence[AlignmentMode]
) -> list[Part]:
    means = {mode: scores.means for mode, scores in summary.metrics.items()}
    names = [name for name in next(iter(means.values()), {}) if not is_detail(name)]
    metrics = {name: METRICS[name] for name in names if name in METRICS}
    headings = [metrics[name].heading if name in metrics else name for name in names]
    rows = [
        [mode, *(of.means[name] for name in names), of.frames]
        for mode, of in summary.metrics.items()
    ]
    charts = {
        name: metric_chart(table, modes, name)
        for name, metric in metrics.items()
        if metric.group is not Group.DISTANCE
    }
    shown = [charts.pop(name) for name in _IN_CHARTS if name in charts]
    formulas = {
        metric.heading: f'{metric.formula}; {metric.better.value} is better'
        for metric in metrics.values()
    }
    rule = summary.protocol.obstacles
    obstacles = None if rule is None else obstacle_table(means, rule, 'alignment')
    return [
        Grid(Table(['alignment', *headings, 'frames'], rows), 'Mean scores'),
        *([] if obstacles is None else [Grid(obstacles, 'Obstacles')]),
        *_ground(summary),
        Note(_ALIGNMENTS),
        Charts(shown),
        Charts([distance_chart(means, summary.protocol.max_depth_m, list(map(colour_of, modes)))]),
        Fold('Other metrics over the run', [Charts(list(charts.values()))]),
        Fold('Formulas', [Facts(formulas)]),
    ]


def _ground(summary: RunSummary) -> list[Part]:
    """Return where the ground of obstacles is from, of the alignment with the most frames."""
    most = max(summary.metrics.values(), key=lambda scores: scores.frames, default=None)
    if most is None or most.ground is None:
        return []
    return [Note(f'Ground: {summary.protocol.ground}. {ground_text(most.ground, "frames")}')]


def _scale(summary: RunSummary, table: FrameTable, published: ScaleTrack) -> list[Part]:
    modes, model = list(map(AlignmentMode, summary.metrics)), summary.model
    kind = model.relative_kind if model else OutputKind.RELATIVE_INVERSE_DEPTH
    charts = scale_charts(table, modes, published, kind)
    return [Charts(charts), Note(_SCALE)] if charts else []


def _uncertainty(doubts: MeanDoubts) -> list[Part]:
    found, curves = doubts.reliability, doubts.sparsification
    if found is None or curves is None:
        return []
    label = 'as published'
    charts = [reliability_chart({label: found}), sparsification_chart({label: curves})]
    return [Charts(charts), Note(_UNCERTAINTY)]


def _confidence(doubts: MeanDoubts) -> list[Part]:
    if doubts.confidence is None:
        return []
    curves = {'as published': doubts.confidence}
    return [Charts([sparsification_chart(curves)]), Note(_CONFIDENCE)]


def _stability(summary: RunSummary) -> list[Part]:
    headings = ['alignment', 'in m', 'as a share of depth', 'frames', 'gap in s']
    rows = [[mode, *record(found).values()] for mode, found in summary.stability.items()]
    return [Grid(Table(headings, rows), 'Change from frame to frame'), Note(_STABILITY)]


def _latency(summary: RunSummary, table: FrameTable) -> list[Part]:
    stages_ms = summary.stages_ms
    rows = [
        [name, *found.values()]
        for name, found in {'capture to arrival': summary.latency_ms, **stages_ms}.items()
    ]
    return [
        Charts(latency_charts(table, summary.latency_ms)),
        *([stage_bars(stages_ms)] if stages_ms else []),
        Grid(Table(['in ms', *summary.latency_ms], rows), 'Percentiles'),
    ]


def _frames(summary: RunSummary) -> list[Part]:
    counts = record(summary.frames)
    parts: list[Part] = [Grid(Table(list(counts), [list(counts.values())]), 'Images')]
    if summary.unscored:
        reasons = Table(['reason', 'images'], list(summary.unscored.items()))
        parts.append(Grid(reasons, 'Why images with a prediction have no score'))
    return parts
