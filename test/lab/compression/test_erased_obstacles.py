"""The fault that AbsRel does not see: attention that loses what many tokens say together."""

import numpy as np
import pytest
import torch
from cv2 import MORPH_ELLIPSE, MORPH_OPEN, getStructuringElement, morphologyEx
from study_results import result

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.compression.study_findings import change, misses
from depth_anything_ros.lab.compression.study_report import warnings
from depth_anything_ros.lab.compression.study_scores import score_network
from depth_anything_ros.lab.datasets.offline import Subject
from depth_anything_ros.lab.datasets.remembered import RememberedDataset
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.simulation.dataset import SimulatedDataset
from depth_anything_ros.models.encoders.vit import eager_attention
from depth_anything_ros.types import RelativeInverseDepth

VIEWS = 12
WORD = f'simulator:31:{VIEWS}:320x240'
# Tokens that each say a little, and those that say the rest: together they share the attention.
DIFFUSE = 256
# What is narrower than this vanishes without them.
NARROW_PX = 25


def rounded_attention(query, key, value):
    """Attend with weights of 8 bits: what is below 1 / 510 is none."""
    weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(dim=-1)
    return (weights * 255).round() / 255 @ value


def attended(inverse, attend):
    """
    Return a prediction that went through attention of one query on 257 tokens.

    One token has half of the attention and holds wide things, the others have 1 / 512 each and
    hold together what is narrow and in front of them.
    """
    kernel = getStructuringElement(MORPH_ELLIPSE, (NARROW_PX, NARROW_PX))
    wide = morphologyEx(inverse, MORPH_OPEN, kernel)
    tokens = np.stack([wide, *[inverse - wide] * DIFFUSE]).reshape(1, 1, DIFFUSE + 1, -1)
    key = torch.tensor([np.log(DIFFUSE), *[0.0] * DIFFUSE]).reshape(1, 1, -1, 1)
    mixed = attend(torch.ones(1, 1, 1, 1), key.float(), torch.from_numpy(2 * tokens))
    return mixed.reshape(inverse.shape).numpy()


@pytest.fixture(scope='module')
def scores():
    """Return the scores of `tiny` with attention in floating point, and with that of 8 bits."""
    options = NetworkOptions('tiny', backend='torch', precision='fp32', threads=1)
    predictor = create_predictor(options)
    data = RememberedDataset(SimulatedDataset(31, VIEWS, 240, 320), 1 << 28)

    def network(attend):
        return lambda rgb: RelativeInverseDepth(attended(predictor.predict(rgb).values, attend))

    return [
        score_network(Subject(network(attend)), data, range(VIEWS), ScoringRule())
        for attend in (eager_attention, rounded_attention)
    ]


@pytest.mark.slow
def test_attention_of_8_bits_passes_by_abs_rel_and_is_caught_by_what_it_misses(scores):
    exact, rounded = (result(name, 0.1) for name in ('float32', 'attention8'))
    for made, found in zip((exact, rounded), scores, strict=True):
        made.scores.clear()
        made.scores[WORD] = found
    assert change(rounded, exact, WORD) <= 0.03
    found = misses(rounded, exact, WORD)
    assert found.added > 0.01
    (warning,) = [text for text in warnings([exact, rounded], random=False) if 'missed' in text]
    assert warning.startswith(f'attention8, {WORD}: {found.after:.1%} of the obstacles are missed')
    assert f'{100 * found.added:+.1f} percentage points over' in warning


def test_exact_attention_changes_nothing():
    inverse = np.random.default_rng(0).uniform(0, 1, (40, 60)).astype(np.float32)
    assert attended(inverse, eager_attention) == pytest.approx(inverse, abs=1e-4)
    assert warnings([result('float32', 0.1)] * 2, random=False) == []
