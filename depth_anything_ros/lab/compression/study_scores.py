"""The scores of one network on one data set, as its numbers come and aligned to the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from depth_anything_ros.errors import AlignmentError, BackendError, DatasetError
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.obstacle_metrics import FAMILY, danger
from depth_anything_ros.evaluation.protocol import (
    AlignmentMode,
    FrameScore,
    MeanScore,
    score_view,
)
from depth_anything_ros.lab.compression.study_results import (
    ALIGNED,
    RAW,
    NetworkScores,
    with_alignment,
)
from depth_anything_ros.lab.datasets import Dataset
from depth_anything_ros.lab.datasets.offline import Subject, bring_to_metres
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, metric_view, scored_view
from depth_anything_ros.types import DepthSample

_REASONS = 3


def metric_names(mode: AlignmentMode) -> tuple[str, ...]:
    """Return what is scored without or with alignment; only metres show obstacles."""
    return chosen_metrics([FAMILY] if mode is ALIGNED else ())


def score_network(
    subject: Subject, dataset: Dataset, indices: Iterable[int], rule: ScoringRule
) -> NetworkScores:
    """
    Predict every image once and average its scores without alignment and with scale and shift.

    With both fitted, obstacles are scored too, where camera and ground are known. An image without
    one of the two scores is in neither mean.

    :param subject: the network.
    :param dataset: the images and their truth.
    :param indices: which images.
    :param rule: what is scored; its alignment does not matter.
    """
    rules = {mode: with_alignment(rule, mode) for mode in (RAW, ALIGNED)}
    means = {mode: MeanScore(metric_names(mode)) for mode in rules}
    worst, most = None, 0.0
    problems: Counter[str] = Counter()
    images = inverted = 0
    for index in indices:
        images += 1
        try:
            scores = _scores(subject, scored_view(dataset[index], rule), rules)
        except (AlignmentError, BackendError, DatasetError) as error:
            problems[str(error)] += 1
            continue
        inverted += scores[ALIGNED].scale < 0
        for mode, score in scores.items():
            means[mode].add(score)
        if (found := danger(scores[ALIGNED].values)) > most:
            worst, most = index, found
    return NetworkScores(
        images=images,
        failed=problems.total(),
        problems=dict(problems.most_common(_REASONS)),
        inverted=inverted,
        none=means[RAW].result(),
        scale_shift=means[ALIGNED].result(),
        worst=worst,
        ground=means[ALIGNED].ground(),
    )


def _scores(
    subject: Subject, sample: DepthSample, rules: dict[AlignmentMode, ScoringRule]
) -> dict[AlignmentMode, FrameScore]:
    prediction = subject.predict(sample.rgb)
    scores = {}
    for mode, rule in rules.items():
        aligned = bring_to_metres(prediction, sample, rule, subject.scale)
        view = metric_view(aligned, sample, rule)
        scores[mode] = score_view(aligned, view, metric_names(mode))
    return scores
