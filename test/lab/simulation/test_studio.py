from dataclasses import replace
from random import Random

import torch

from depth_anything_ros.lab.simulation.optics import random_imaging
from depth_anything_ros.lab.simulation.packing import Scenery
from depth_anything_ros.lab.simulation.scenery import furnish
from depth_anything_ros.lab.simulation.studio import Studio
from depth_anything_ros.lab.simulation.viewpoint import choose_view
from depth_anything_ros.types import Camera

CAMERA = Camera(80, 56, 60.0, 60.0, 39.5, 27.5)


def scene(seed):
    rng = Random(seed)
    plan, room = furnish(rng)
    view, solids = choose_view(plan, room)
    return Scenery(plan, solids, view.pose, CAMERA), random_imaging(rng)


def test_views_rendered_at_once_are_those_rendered_alone():
    """What a GPU does with a batch, on the CPU; sums may be taken in another order."""
    studio = Studio(0, torch.device('cpu'))
    scenes, imagings = zip(*[scene(seed) for seed in range(8)], strict=True)
    assert len({len(item.plan.lamps) for item in scenes}) > 1
    rgb, depth_m = studio.render(scenes, imagings, part=0)
    assert rgb.shape == (8, 56, 80, 3)
    for number in range(8):
        alone, alone_m = studio.render([scenes[number]], [imagings[number]], part=0)
        known = alone_m[0].isfinite()
        assert (known != depth_m[number].isfinite()).float().mean() < 0.001
        close = (depth_m[number] / alone_m[0] - 1).abs()[known] < 1e-5
        assert close.float().mean() > 0.999
        difference = (rgb[number].int() - alone[0].int()).abs()
        assert (difference <= 2).float().mean() > 0.995


def test_part_changes_patterns_and_not_the_depth():
    studio = Studio(0, torch.device('cpu'))
    item, imaging = scene(1)
    one, one_m = studio.render([item], [imaging], part=0)
    two, two_m = studio.render([item], [imaging], part=1)
    assert torch.equal(one_m.nan_to_num(-1), two_m.nan_to_num(-1))
    assert not torch.equal(one, two)


def test_pictures_do_not_depend_on_the_number_of_threads():
    item, imaging = scene(4)
    # Large enough that torch shares out its sums, and a scene in which that shows.
    item = replace(item, camera=Camera(192, 144, 140.0, 140.0, 95.5, 71.5))
    before = torch.get_num_threads()
    pictures = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            pictures.append(Studio(0, torch.device('cpu')).render([item], [imaging], part=0))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(pictures[0][0], pictures[1][0])
    assert torch.equal(pictures[0][1].nan_to_num(-1), pictures[1][1].nan_to_num(-1))
