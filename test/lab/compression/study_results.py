"""Made results of a study, for the tests of what is said about them."""

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.lab.compression.study_results import (
    FileResult,
    LatencyResult,
    MemoryResult,
    NetworkScores,
    StudyResult,
)

WORD = 'simulator:5:10'


def result(recipe, abs_rel, size=1000, *, failed=0, inverted=0, failure='', raw=None):
    """Return what a study holds of one recipe; AbsRel decides all of its scores."""
    means = dict.fromkeys(METRICS, abs_rel)
    scores = NetworkScores(
        images=10,
        failed=failed,
        problems={'constant': failed} if failed else {},
        inverted=inverted,
        none=means if raw is None else {**means, 'abs_rel': raw},
        scale_shift=means,
    )
    times = (None, None, None) if failure else (12.5, 13.0, 1.25)
    return StudyResult(
        recipe,
        FileResult(
            bytes=size,
            sha256='ab',
            weights=400,
            nonzero_weights=100,
            sqnr_db=None if recipe == 'float32' else 40.25,
            identical=recipe == 'float32',
        ),
        {WORD: scores},
        {'torch fp32': LatencyResult(*times, failure)},
        {'torch fp32': MemoryResult(345_600_000, '')},
    )
