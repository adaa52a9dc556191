"""Made results of a study, for the tests of what is said about them."""

from depth_anything_ros.evaluation.metrics import METRICS

WORD = 'simulator:5:10'


def result(recipe, abs_rel, size=1000, *, failed=0, inverted=0, failure=''):
    """Return what a study holds of one recipe; AbsRel decides all of its scores."""
    metrics = None if abs_rel is None else dict.fromkeys(METRICS, abs_rel)
    unknown = dict.fromkeys(METRICS)
    return {
        'recipe': recipe,
        'file': {
            'bytes': size,
            'weights': 400,
            'nonzero_weights': 100,
            'sqnr_db': None if recipe == 'float32' else 40.25,
            'identical': recipe == 'float32',
        },
        'scores': {
            WORD: {
                'images': 10,
                'failed': failed,
                'problems': {'constant': failed} if failed else {},
                'inverted': inverted,
                'none': {**unknown, **(metrics or {})},
                'scale_shift': {**unknown, **(metrics or {})},
            }
        },
        'latency': {
            'torch fp32': {
                'p50_ms': None if failure else 12.5,
                'p95_ms': None if failure else 13.0,
                'speed_up': None if failure else 1.25,
                'failure': failure,
            }
        },
        'memory': {'torch fp32': {'peak_bytes': 345_600_000, 'failure': ''}},
    }
