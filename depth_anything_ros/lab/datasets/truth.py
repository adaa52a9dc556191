"""What a data set knows of its images: depth, or less."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Protocol, runtime_checkable

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.base import Dataset


class Truth(Enum):
    """What a data set knows of its images."""

    DEPTH = 'depth'
    ORDER = 'which of two points is nearer'
    NONE = 'nothing'


@runtime_checkable
class WithoutDepth(Protocol):
    """A data set whose samples have no depth."""

    @property
    def truth(self) -> Truth:
        """Return what is known of them instead."""
        ...


def truth_of(dataset: Dataset) -> Truth:
    """Return what a data set knows of its images."""
    return dataset.truth if isinstance(dataset, WithoutDepth) else Truth.DEPTH


def require_truth(dataset: Dataset, truths: Collection[Truth]) -> None:
    """
    Check that a data set knows of its images what is needed.

    :param truths: any of which will do.
    :raises DatasetError: if it does not.
    """
    truth = truth_of(dataset)
    if truth not in truths:
        needed = ' or '.join(item.value for item in truths)
        advice = '; to see the depth of pictures, use the verb predict'
        raise DatasetError(
            f"'{dataset.name}' knows {truth.value} of its images; needed here: {needed}"
            f'{advice if truth is Truth.NONE else ""}'
        )
