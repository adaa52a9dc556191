import numpy as np

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.types import ModelIdentity, OutputKind

RELATIVE, METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
MS = 1_000_000
START = 1_700_000_000_000_000_000
RGB = np.full((24, 32, 3), 128, np.uint8)


def truth(seed=0):
    return np.random.default_rng(seed).uniform(0.5, 7.0, (24, 32)).astype(np.float32)


def relative_of(truth_m):
    return ((1 / truth_m - 0.1) / 0.05).astype(np.float32)


def identity(weights='checkpoint'):
    return ModelIdentity(
        'depth_anything_v2_vits', weights, 'abc', 'torch', 'fp32', 'cpu', (518, 686), 'Apache-2.0'
    )


def make(tmp_path, **changes):
    arguments = {'output_dir': str(tmp_path / 'out'), 'picture_every': 0, **changes}
    return RunEvaluation(EvaluatorConfig(**arguments))


def play(run, frames=5, metric_factor=1.1, latency_ms=40, start=START):
    """Feed frames 100 ms apart; metric depth is too far by the factor, None for none."""
    for index in range(frames):
        stamp = start + index * 100 * MS
        run.add_sent(stamp, stamp + 2 * MS, RGB)
        run.add_truth(stamp, truth(index))
        arrival = stamp + (latency_ms + index) * MS
        run.add_prediction(stamp, arrival, RELATIVE, relative_of(truth(index)))
        if metric_factor is not None:
            metric = truth(index) * np.float32(metric_factor)
            run.add_prediction(stamp, arrival + 3 * MS, METRIC, metric)
