"""The scores of one network on one data set, as its numbers come and aligned to the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from depth_anything_ros.errors import AlignmentError, BackendError, DatasetError
from depth_anything_ros.evaluation.protocol import (
    AlignmentMode,
    FrameScore,
    MeanScore,
    score_aligned,
)
from depth_anything_ros.lab.compression.study_results import (
    ALIGNED,
    RAW,
    NetworkScores,
    with_alignment,
)
from depth_anything_ros.lab.datasets import Dataset
from depth_anything_ros.lab.datasets.offline import Predict, align_sample
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, scored_view
from depth_anything_ros.types import DepthSample

_REASONS = 3


def score_network(
    predict: Predict, dataset: Dataset, indices: Iterable[int], rule: ScoringRule
) -> NetworkScores:
    """
    Predict every image once and average its scores without alignment and with scale and shift.

    An image without one of the two scores is in neither mean.

    :param predict: the network.
    :param dataset: the images and their truth.
    :param indices: which images.
    :param rule: what is scored; its alignment does not matter.
    """
    rules = {mode: with_alignment(rule, mode) for mode in (RAW, ALIGNED)}
    means = {mode: MeanScore() for mode in rules}
    problems: Counter[str] = Counter()
    images = inverted = 0
    for index in indices:
        images += 1
        try:
            scores = _scores(predict, scored_view(dataset[index], rule), rules)
        except (AlignmentError, BackendError, DatasetError) as error:
            problems[str(error)] += 1
            continue
        inverted += scores[ALIGNED].scale < 0
        for mode, score in scores.items():
            means[mode].add(score)
    return NetworkScores(
        images=images,
        failed=problems.total(),
        problems=dict(problems.most_common(_REASONS)),
        inverted=inverted,
        none=means[RAW].result(),
        scale_shift=means[ALIGNED].result(),
    )


def _scores(
    predict: Predict, sample: DepthSample, rules: dict[AlignmentMode, ScoringRule]
) -> dict[AlignmentMode, FrameScore]:
    prediction = predict(sample.rgb)
    return {
        mode: score_aligned(align_sample(lambda _: prediction, sample, rule), sample.depth_m)
        for mode, rule in rules.items()
    }
