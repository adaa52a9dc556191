import hashlib
import math

import numpy as np
import pytest
import torch

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.simulation.casting import cast
from depth_anything_ros.lab.simulation.packing import pack
from depth_anything_ros.lab.simulation.world import PART, World

HEIGHT, WIDTH = 72, 96


@pytest.fixture(scope='module')
def world():
    return World(3, HEIGHT, WIDTH)


@pytest.fixture(scope='module')
def batch(world):
    return world.render(range(48))


def test_batch_holds_images_with_depth(batch):
    assert batch.rgb.shape == (48, HEIGHT, WIDTH, 3)
    assert batch.rgb.dtype == torch.uint8
    assert batch.depth_m.shape == (48, HEIGHT, WIDTH)
    assert batch.depth_m.dtype == torch.float32
    assert len(batch.cameras) == len(batch.names) == 48
    assert batch.names[7] == 'world3/7'


def test_view_is_the_same_alone_and_in_any_batch(world, batch):
    again = world.render([5, 40, 5])
    for place, index in enumerate([5, 40, 5]):
        assert torch.equal(again.rgb[place], batch.rgb[index])
        assert torch.equal(
            again.depth_m[place].nan_to_num(-1), batch.depth_m[index].nan_to_num(-1)
        )
    sample = World(3, HEIGHT, WIDTH).sample(40)
    np.testing.assert_array_equal(sample.rgb, batch.rgb[40].numpy())
    np.testing.assert_array_equal(sample.depth_m, batch.depth_m[40].numpy())
    assert sample.name == 'world3/40'


def test_seeds_and_indices_give_different_scenes(batch):
    other = World(4, HEIGHT, WIDTH).render([5])
    assert not torch.equal(other.rgb[0], batch.rgb[5])
    medians = batch.depth_m.flatten(1).nanmedian(1).values
    assert len(medians.unique()) == 48


def test_size_changes_the_sampling_not_the_scene(world, batch):
    small = World(3, HEIGHT // 2, WIDTH // 2).render(range(4)).depth_m
    large = batch.depth_m[:4]
    coarse = torch.stack([large[:, y::2, x::2] for y in (0, 1) for x in (0, 1)])
    near = (coarse.amin(0) * 0.999 <= small) & (small <= coarse.amax(0) * 1.001)
    assert near.float().mean() > 0.85


def test_depths_are_those_of_rooms(batch):
    depth = batch.depth_m
    known = depth.isfinite()
    assert 0.85 < known.float().mean() < 1
    values = depth[known]
    assert values.min() > 0.02
    assert values.max() < 20
    low, middle, high = values.quantile(torch.tensor([0.02, 0.5, 0.98]))
    assert 0.15 < low < 0.8
    assert 0.7 < middle < 2.5
    assert 3 < high < 12


def test_few_views_are_next_to_nothing_or_flat(batch):
    spread = []
    for depth in batch.depth_m:
        values = depth[depth.isfinite()]
        near, far = values.quantile(torch.tensor([0.05, 0.95]))
        spread.append(float(far / near))
        assert (values < 0.12).float().mean() < 0.25
    assert np.median(spread) > 1.8
    assert np.mean(np.array(spread) < 1.15) < 0.1


def test_pictures_are_neither_black_nor_white_nor_uniform(batch):
    gray = batch.rgb.float().mean(3).flatten(1)
    assert (gray.mean(1) > 15).all()
    assert (gray.mean(1) < 245).all()
    assert (gray.std(1) > 12).float().mean() > 0.9
    assert 70 < gray.mean() < 160


def test_brightness_does_not_tell_depth(batch):
    """Over many views; a single one may well be brighter near its lamp."""
    shares = []
    for rgb, depth in zip(batch.rgb, batch.depth_m, strict=True):
        known = depth.isfinite()
        pair = torch.stack([rgb.float().mean(2)[known], 1 / depth[known]])
        shares.append(float(torch.corrcoef(pair)[0, 1]))
    assert abs(np.nanmean(shares)) < 0.3


def test_cameras_see_45_to_80_degrees_through_the_middle(batch):
    for camera in batch.cameras:
        fov = 2 * math.degrees(math.atan(WIDTH / 2 / camera.fx_px))
        assert 45 <= fov <= 80
        assert camera.fx_px == camera.fy_px
        assert (camera.cx_px, camera.cy_px) == ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
        assert (camera.width, camera.height) == (WIDTH, HEIGHT)


def test_views_of_another_part_have_other_patterns(world):
    batch = world.render([0, PART, 0])
    assert torch.equal(batch.rgb[0], batch.rgb[2])
    assert not torch.equal(batch.rgb[0], batch.rgb[1])


def test_odd_sizes_are_rendered_whole():
    batch = World(0, 45, 61).render([1])
    assert batch.rgb.shape == (1, 45, 61, 3)
    assert batch.depth_m.isfinite().float().mean() > 0.5


@pytest.mark.parametrize('height, width', [(15, 64), (64, 8)])
def test_size_too_small_is_refused(height, width):
    with pytest.raises(DatasetError, match=f'{width}x{height}.*16x16 is the least'):
        World(0, height, width)


def test_negative_seed_is_refused():
    with pytest.raises(DatasetError, match='world seed -1'):
        World(-1, 64, 64)


@pytest.mark.parametrize('indices', [[], [-1], [3, -2]])
def test_views_that_do_not_exist_are_refused(world, indices):
    with pytest.raises(DatasetError, match='allowed: 0 and above'):
        world.render(indices)


SHELL_M = 2e-3


def wrong_coats(world, index):
    """Return how many pixels of floor and ceiling show the coat of the walls."""
    scene, _ = world._scene(index)
    hits = cast(pack([scene], world.device).table, 1, world.height, world.width)
    rays = [
        (np.arange(size) - centre) / scene.camera.fx_px
        for size, centre in ((world.width, scene.camera.cx_px), (world.height, scene.camera.cy_px))
    ]
    x, y = np.meshgrid(*rays)
    up = np.stack([x, y, np.ones_like(x)], -1) @ scene.pose.optical_axes[:, 2]
    height_m = scene.pose.position[2] + hits.depth_m[0].numpy() * up
    ceiling_m = scene.solids.center[2, 2] - scene.solids.half_m[2, 2]
    level = (np.abs(height_m) < SHELL_M / 10) | (np.abs(height_m - ceiling_m) < SHELL_M / 10)
    return int((level & (hits.shape[0].numpy() == 0)).sum())


def test_scenes_of_the_trained_world_stay_as_they_were():
    digest = hashlib.sha256()
    for index in (0, 1, 2, 5000):
        scene, _ = World(0, HEIGHT, WIDTH)._scene(index)
        position, axes = scene.pose.position, scene.pose.optical_axes
        for values in (*scene.solids[:3], position, axes, [scene.camera.fx_px]):
            digest.update(np.round(np.asarray(values, float), 6).astype('f4').tobytes())
        digest.update(repr([coat.tile for coat in scene.plan.coats]).encode())
    assert digest.hexdigest() == '74deb053ab8d44283407eb2a0d5f584396293859ff0ad223fdde16f97ffd63fb'


def test_floors_and_ceilings_of_world_2_have_their_own_coats_where_those_of_world_1_do_not(world):
    mended = World(3, HEIGHT, WIDTH, version=2)
    wrong = [index for index in range(48) if wrong_coats(world, index) > 3]
    assert len(wrong) > 5
    assert [wrong_coats(mended, index) for index in wrong] == [0] * len(wrong)


def test_world_2_has_the_views_and_the_depth_of_world_1(batch):
    mended = World(3, HEIGHT, WIDTH, version=2).render(range(48))
    assert mended.cameras == batch.cameras
    near = torch.isclose(mended.depth_m, batch.depth_m, rtol=1e-5, equal_nan=True)
    assert near.float().mean() > 0.999
    same = (mended.rgb.int() - batch.rgb.int()).abs().amax((1, 2, 3)) <= 2
    assert 0.4 < same.float().mean() < 1


def test_world_that_is_unknown_is_refused():
    with pytest.raises(DatasetError, match='version 3 of the world is unknown; known: 1, 2'):
        World(3, HEIGHT, WIDTH, version=3).render([0])
