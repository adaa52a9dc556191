"""
How many planted mistakes `verify` finds, and whether it takes offence at right contracts.

Two networks that follow depth, the shipped `tiny` on simulated rooms and a small one that is
trained here on rooms in haze, are exported under every usual way to read images and to say depth;
each is then given every contract with one mistake. The figures are printed (`-s`).
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from exported_networks import (
    FOCAL_PX,
    NORMALISATIONS,
    Tiny,
    export,
    hazy,
    reading,
    train_small,
    with_mistake,
)

from depth_anything_ros.inference.file_network import FileNetwork, load_folder
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.json_text import from_json
from depth_anything_ros.lab.simulation.dataset import SimulatedDataset
from depth_anything_ros.lab.verification.readings import readings
from depth_anything_ros.lab.verification.trial import Answers, Image, try_reading
from depth_anything_ros.lab.verification.verdict import Verdict, judge
from depth_anything_ros.models.contract import Contract

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

SIZE, COUNT = (96, 128), 100
METRES = {'output_kind': 'metric_depth', 'output_max_depth_m': 20, 'output_metres_per_unit': 1}
INVERSE = {**METRES, 'output_kind': 'metric_inverse_depth'}
UP_TO_SCALE = {'output_kind': 'depth_up_to_scale'}
FOCAL = {**UP_TO_SCALE, 'output_metres_at_focal_px': FOCAL_PX}
# The small network's depth with a metre added to it.
AFFINE = {'output_kind': 'inverse_affine_depth'}
INVERSE_FOCAL = {**FOCAL, 'output_kind': 'inverse_depth_up_to_scale'}
# A mistake costs something where the error of depth, or of metres, is larger by this share.
COST = 0.05
# Whether all 17 contracts are tried, for the figures of docs/your_network.md.
EVERY_CONTRACT = 'EVERY_CONTRACT' in os.environ

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Case:
    """A network of its right contract, on images; what it said is kept by the way it was read."""

    name: str
    right: dict
    network: FileNetwork
    images: tuple[Image, ...]
    kept: dict

    def verdict(self, said: dict) -> Verdict:
        contract = from_json(Contract, said)
        answers = [self._answers(way) for way in readings(contract)]
        return judge(contract, answers, [image.source for image in self.images])

    def _answers(self, way) -> Answers:
        key = way.contract.input
        if key not in self.kept:
            opened = lambda contract: Predictor(self.network.under(contract))  # noqa: E731
            self.kept[key] = try_reading(way, opened, self.images)
        return replace(self.kept[key], reading=way)


@cache
def views(seed: int, count: int):
    dataset = SimulatedDataset(seed, count, *SIZE)
    return [dataset[index] for index in range(count)]


def case(folder: Path, network, way: tuple[str, str], output: dict, images, name: str) -> Case:
    right = reading(*way, SIZE, **output)
    inverted = 'inverse' in right['output']['kind']
    depth, added = name != 'tiny', 1.0 if output == AFFINE else 0.0
    meant = (
        (lambda values: 1 / (values + added)) if depth and inverted else (lambda values: values)
    )
    export(folder, network, right, meant, SIZE)
    options = NetworkOptions('', str(folder), backend='onnxruntime', threads=1)
    loaded = load_folder(options)
    return Case(f'{name}, {way[0]}, {way[1]}', right, loaded, tuple(images), {})


def mistakes(right: dict):
    """Yield the name of each mistake and the contract that makes it."""
    image, output = right['input'], right['output']
    swapped = {
        'input_channels': 'bgr' if image['channels'] == 'rgb' else 'rgb',
        'input_mean': image['mean'][::-1],
        'input_std': image['std'][::-1],
    }
    yield 'colours swapped', with_mistake(right, **swapped)
    yield 'range', with_mistake(right, input_range=256 - image['range'])
    for name, (number, mean, std) in NORMALISATIONS.items():
        other = {'input_range': number, 'input_mean': mean, 'input_std': std}
        if any(image[key] != other[f'input_{key}'] for key in ('range', 'mean', 'std')):
            yield f'normalisation {name}', with_mistake(right, **other)
    kind = output['kind']
    inverted = {
        'relative_inverse_depth': 'depth_up_to_scale',
        'inverse_depth_up_to_scale': 'depth_up_to_scale',
        'depth_up_to_scale': 'inverse_depth_up_to_scale',
        'metric_depth': 'metric_inverse_depth',
        'metric_inverse_depth': 'metric_depth',
        'inverse_affine_depth': 'depth_up_to_scale',
    }
    yield 'kind inverted', with_mistake(right, output_kind=inverted[kind])
    if output['metres_at_focal_px']:
        yield 'focal rule missing', with_mistake(right, output_metres_at_focal_px=None)
        yield 'focal length', with_mistake(right, output_metres_at_focal_px=3 * FOCAL_PX)
    if output['metres_per_unit']:
        yield 'unit', with_mistake(right, output_metres_per_unit=10)


def cost(right: Verdict, wrong: Verdict) -> float:
    """Return how much larger a mistake makes the error of depth, as a share."""
    errors = [
        next(one.error for one in verdict.candidates if not one.changes)
        for verdict in (right, wrong)
    ]
    return errors[1] / errors[0] - 1


@pytest.fixture(scope='module')
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp('networks')
    torch.set_num_threads(1)
    small = train_small([hazy(one, i, FOCAL_PX) for i, one in enumerate(views(5, 400))], 500)
    plain = views(77, COUNT)
    seen = {
        'tiny': plain,
        'focal': [hazy(one, 9000 + i, FOCAL_PX) for i, one in enumerate(plain)],
        'metres': [hazy(one, 9000 + i) for i, one in enumerate(plain)],
    }
    images = {
        name: [Image(f'part {i // 10}', one) for i, one in enumerate(of)]
        for name, of in seen.items()
    }
    ways = list(zip(NORMALISATIONS, ('rgb', 'bgr', 'rgb', 'bgr', 'bgr'), strict=True))
    plans = [('tiny', Tiny(*SIZE), way, {}) for way in ways]
    plans += [('focal', small, way, FOCAL) for way in ways]
    plans += [('focal', small, way, INVERSE_FOCAL) for way in ways[::3]]
    plans += [('metres', small, way, METRES) for way in ways[::3]]
    plans += [('metres', small, way, INVERSE) for way in ways[1::3]]
    plans += [('metres', small, ways[0], AFFINE)]
    if not EVERY_CONTRACT:
        # One of each kind of output, each read in another way; all take more than ten minutes.
        plans = [plans[number] for number in (0, 6, 10, 13, 14, 16)]
    return [
        case(folder / f'{number}', network, way, output, images[name], name)
        for number, (name, network, way, output) in enumerate(plans)
    ]


def test_planted_mistakes_are_found_and_right_contracts_are_left_alone(cases):
    alarms, missed = [], []
    tried, found, costly, costly_found = Counter(), Counter(), Counter(), Counter()
    for one in cases:
        own = one.verdict(one.right)
        if not own.is_right:
            alarms.append((one.name, own.findings))
        for mistake, said in mistakes(one.right):
            verdict = one.verdict(said)
            key = one.name.split(',')[0], mistake.split(' ')[0]
            metres = mistake in ('focal rule missing', 'focal length', 'unit')
            matters = metres or cost(own, verdict) > COST
            tried[key] += 1
            costly[key] += matters
            found[key] += not verdict.is_right
            costly_found[key] += matters and not verdict.is_right
            if matters and verdict.is_right:
                best = verdict.candidates[0]
                missed.append((one.name, mistake, best.ratio, best.interval))
    for key in tried:
        sys.stdout.write(f'{" ".join(key):24} {found[key]:3} of {tried[key]:3}; '
              f'{costly_found[key]:3} of {costly[key]:3} that cost\n')  # fmt: skip
    sums = (sum(counts.values()) for counts in (found, tried, costly_found, costly))
    sys.stdout.write('all: {} of {}; {} of {} that cost; '.format(*sums))
    sys.stdout.write(f'false alarms: {len(alarms)} of {len(cases)}\n')
    sys.stdout.write(''.join(f'missed: {one}\n' for one in missed))
    assert not alarms
    assert sum(costly_found.values()) >= 0.95 * sum(costly.values())
    assert sum(costly.values()) > 0.5 * sum(tried.values())
