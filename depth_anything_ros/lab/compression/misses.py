"""What compression makes of obstacles, which averages do not tell."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.evaluation.obstacle_metrics import metric_name

MISSED = metric_name('missed')
"""The metric that is compared."""

_MOST_ADDED = 0.01


@dataclass(frozen=True)
class Misses:
    """The share of obstacles that a network misses `before` compression and `after` it."""

    before: float
    after: float

    @property
    def added(self) -> float:
        """Return how many more are missed, as a share of all; negative is fewer."""
        return self.after - self.before

    @property
    def too_many(self) -> bool:
        """Return whether they are more than one in a hundred, whatever AbsRel says."""
        return self.added > _MOST_ADDED

    @property
    def text(self) -> str:
        """Return in words what became of them."""
        return (
            f'{self.after:.1%} of the obstacles are missed, {100 * self.added:+.1f} percentage '
            f'points over the {self.before:.1%} of the parent'
        )
