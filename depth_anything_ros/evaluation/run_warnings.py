"""What a reader of a run's results must know about its messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from depth_anything_ros.evaluation.gathering import FrameGatherer
from depth_anything_ros.evaluation.image_counts import ImageCounts, unpaired
from depth_anything_ros.evaluation.metrics import METRICS, Group, family
from depth_anything_ros.evaluation.protocol import SHIFTED, AlignmentMode, MeanScore
from depth_anything_ros.geometry.alignment import EXCHANGED
from depth_anything_ros.types import ModelIdentity, OutputKind

# A latency beyond this, or below zero, is between two different clocks.
PLAUSIBLE_MS = 60_000.0
_REASONS = 5


class Stream(Enum):
    """What a run is made of."""

    IMAGE = 'image'
    PREDICTION = 'prediction'
    TRUTH = 'truth'
    DIAGNOSTICS = 'diagnostics'
    SIGMA = 'sigma'
    CONFIDENCE = 'confidence'


def score_warnings(counts: Mapping[str, int], shifted: int) -> list[str]:
    """
    Return what is wrong with the scores and times of a run, a sentence each.

    :param counts: of frames: `inverted`, `implausible`, `unknown_start`.
    :param shifted: frames that scale and shift were fitted in.
    """
    warnings = []
    if counts['inverted']:
        warnings.append(
            f'scale_shift has a negative scale in {counts["inverted"]} of {shifted} frames: '
            + EXCHANGED
        )
    if counts['implausible']:
        warnings.append(
            f'latency is negative or above {PLAUSIBLE_MS / 1000:g} s in {counts["implausible"]} '
            'frames and left out: stamps and arrival are of different clocks; set latency_from '
            'to image'
        )
    if counts['unknown_start']:
        warnings.append(
            f'latency is not known in {counts["unknown_start"]} frames: their image came more '
            'than once, or not at all'
        )
    return warnings


def model_warnings(
    model: ModelIdentity | None, modes: Collection[AlignmentMode], before: int
) -> list[str]:
    """
    Return what must be known of scores because of the network that they are of.

    :param modes: the alignments of its inverse depth.
    :param before: frames with relative predictions that were scored before it was known.
    """
    if model is None:
        return []
    warnings = ['random weights: the depth means nothing, only the timing does'] * (
        model.weights == 'random'
    )
    if model.relative_kind is OutputKind.RELATIVE_INVERSE_DEPTH:
        return warnings
    alone = not model.relative_kind.has_shift
    named = ' and '.join(mode.value for mode in modes if mode in SHIFTED)
    if alone and named:
        warnings.append(
            f"{named}: the scale alone is fitted, as the inverse depth of model '{model.name}' "
            'has no shift; give alignments scale instead'
        )
    if before:
        warnings.append(
            f"{before} frames were scored before diagnostics named model '{model.name}', as if "
            'it gave relative inverse depth, without sky; start the images when the depth node '
            'has reported'
        )
    return warnings


def alignment_warnings(means: Collection[MeanScore], names: Iterable[str]) -> list[str]:
    """
    Return which of the metrics that were asked for have no value with any alignment.

    :param means: of each alignment.
    :param names: of the metrics.
    """
    most = max(means, key=lambda mean: mean.frames, default=MeanScore())
    found = [mean.result() for mean in means]
    undefined = {
        name: count
        for name, count in (most.undefined() or {}).items()
        if all(values.get(name) is None for values in found)
    }
    return metric_warnings(undefined, names, most.frames, 'frames')


def metric_warnings(
    undefined: Mapping[str, int] | None, names: Iterable[str], scored: int, what: str
) -> list[str]:
    """
    Return which of the metrics that were asked for have no value anywhere, and why that may be.

    What has one cause, as no camera, is told once; of a family it is told only where none of it
    has a value. Obstacles are left to `ground_warnings`.

    :param undefined: how many of what is scored have no value of a metric.
    :param names: of the metrics that are scored.
    :param scored: how many there are.
    :param what: what is scored: frames, images.
    """
    undefined = undefined or {}
    nowhere = [name for name, count in undefined.items() if count == scored]
    families = Counter(map(family, names))
    unknown = Counter(map(family, nowhere))
    reasons = {
        family(name): METRICS[name].undefined
        for name in reversed(nowhere)
        if METRICS[name].on_request
        and METRICS[name].group is not Group.OBSTACLES
        and unknown[family(name)] == families[family(name)]
    }
    causes: dict[str, dict[str, str]] = {}
    for name, reason in reversed(reasons.items()):
        cause, _, others = reason.partition(', ')
        causes.setdefault(cause, {})[name] = others.removeprefix('or ')
    return [
        f'{", ".join(found)} {"has" if len(found) == 1 else "have"} no value in any of {scored} '
        f'{what}: {", or ".join(dict.fromkeys(filter(None, [cause, *found.values()])))}'
        for cause, found in causes.items()
    ]


def loss_warnings(left_out: Counter[str], problems: Counter[str]) -> list[str]:
    """
    Return the most frequent reasons why something does not count, a sentence each.

    :param left_out: messages by reason.
    :param problems: frames by what is wrong with them.
    """
    return [
        *(f'{count} messages left out: {text}' for text, count in left_out.most_common(_REASONS)),
        *(f'{count} frames: {text}' for text, count in problems.most_common(_REASONS)),
    ]


def message_warnings(
    gatherer: FrameGatherer, counts: ImageCounts, reasons: dict[str, int], rejected: int
) -> list[str]:
    """
    Return what is wrong with the messages of a run, a sentence each.

    :param reasons: why images with a prediction have no score; those of a frame's own are left
        to the caller.
    :param rejected: images that the depth node says it refused.
    """
    came = gatherer.counts
    images, truth = gatherer.stamps, gatherer.truth_stamps
    # Truth comes in the order of the images; a fault of both is told of once.
    warnings = [*images.missing(), *truth.missing(), *(images.order() or truth.order())]
    warnings += [
        f'{count} images with a prediction are not scored: {reason}'
        for reason, count in reasons.items()
        if reason in gatherer.unscorable
    ]
    unmatched = came['unmatched'] - unpaired(gatherer)
    if unpaired(gatherer):
        warnings.append(
            f'{unpaired(gatherer)} predictions carry a stamp that no image had, as the depth node '
            'gives to images without stamp'
        )
    if unmatched:
        warnings.append(f'{unmatched} predictions carry a stamp that no image had; not scored')
    if came['late']:
        warnings.append(
            f'{came["late"]} predictions came after their frame was scored and do not count'
        )
    if came['surplus']:
        warnings.append(
            f'{came["surplus"]} predictions more than images of their stamp, as of two depth '
            'nodes on one topic; the first of each stamp counts'
        )
    if came['late_truth']:
        warnings.append(
            f'{came["late_truth"]} truth images came after eight newer predictions than theirs '
            'and do not count'
        )
    if came['unseen']:
        warnings.append(
            f'{came["unseen"]} predictions came without any image before them; each counts as '
            'an image sent, and those dropped are not known'
        )
    if rejected > counts.rejected:
        warnings.append(
            f'the depth node rejected {rejected} images, but only {counts.rejected} of those '
            'seen here have no prediction: it takes images that do not come here'
        )
    return warnings
