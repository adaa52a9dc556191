"""What became of the images of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from depth_anything_ros.evaluation.gathering import UNSTAMPED, FrameGatherer

NO_TRUTH = 'no truth within the pairing tolerance'
_LATE_TRUTH = 'its truth came after eight newer predictions'
_WAITING = 'not scored yet'


@dataclass(frozen=True)
class ImageCounts:
    """
    How many images were `sent` and what became of them.

    sent = scored + dropped + rejected + unscored, and received = scored + unscored: those with
    a prediction. `truth` counts messages. Where no image was seen, those that predictions prove
    count as sent.
    """

    sent: int
    received: int
    scored: int
    dropped: int
    rejected: int
    unscored: int
    truth: int


class Rejections:
    """
    Follow the number of rejected images that the depth node reports of itself.

    It counts from its activation on. Where it had taken more images by its first report than were
    seen here, it ran before: what it had rejected by then does not count.
    """

    def __init__(self) -> None:
        self._reported: int | None = None
        self.images = 0

    def update(self, reported: int, received: int, sent: int) -> None:
        """
        Take in what the node reports.

        :param reported: rejected images since its activation.
        :param received: images it has taken since its activation.
        :param sent: images of this run.
        """
        if self._reported is None:
            self.images = reported if received <= sent else 0
        elif reported < self._reported:
            self.images += reported
        else:
            self.images += reported - self._reported
        self._reported = reported


def unpaired(gatherer: FrameGatherer) -> int:
    """Return how many images without stamp have predictions whose stamp the depth node made."""
    counts = gatherer.counts
    unstamped = gatherer.stamps.unstamped - counts['unstamped_received']
    return min(counts['unmatched'], unstamped)


def count_images(gatherer: FrameGatherer, scored: int, rejected: int) -> ImageCounts:
    """
    Return what became of the images so far.

    :param scored: frames with a score.
    :param rejected: images that the depth node says it refused.
    """
    counts = gatherer.counts
    sent = counts['sent'] + counts['unseen']
    received = counts['received'] + counts['unseen'] + unpaired(gatherer)
    rejected = min(rejected, sent - received)
    return ImageCounts(
        sent=sent,
        received=received,
        scored=scored,
        dropped=sent - received - rejected,
        rejected=rejected,
        unscored=received - scored,
        truth=counts['truth'],
    )


def unscored_reasons(
    gatherer: FrameGatherer, frames: Counter[str], counts: ImageCounts
) -> dict[str, int]:
    """
    Return why images with a prediction have no score: reason → images, `unscored` in all.

    :param frames: of those that were looked at, the reason of each.
    """
    reasons = gatherer.unscorable + frames
    reasons[UNSTAMPED] += unpaired(gatherer)
    late = min(gatherer.counts['late_truth'], reasons[NO_TRUTH])
    reasons[NO_TRUTH] -= late
    reasons[_LATE_TRUTH] += late
    reasons[_WAITING] += counts.unscored - reasons.total()
    return {reason: images for reason, images in reasons.most_common() if images > 0}
