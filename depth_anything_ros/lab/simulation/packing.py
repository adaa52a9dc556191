"""Scenes and views as tensors, ready to be cast and shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything_ros.lab.simulation.atlas import LEVEL_START
from depth_anything_ros.lab.simulation.building import Blueprint, Kind
from depth_anything_ros.lab.simulation.casting import Table
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.viewpoint import Solids
from depth_anything_ros.types import Camera

LAMPS = 3
CASTERS = 24

# Rows of `Packed.coats`.
COLORS, TEXEL, REPEAT, SHIFT, TURNED, DIRT, GLOSS, GLOW, OPEN = 0, 9, 10, 12, 14, 15, 16, 17, 18


@dataclass(frozen=True)
class Packed:
    """
    Views of scenes; V views, N shapes in all.

    :param table: what rays are cast at.
    :param turn: float32 (N, 3, 3), rotations from the shapes' axes to the world's.
    :param coats: float32 (19, N), the rows named in this module.
    :param rays: float32 (V, 3, 3): times (column, row, 1) the viewing ray in world axes.
    :param position: float32 (V, 3), the cameras, metres.
    :param lamps: float32 (V, L, 6), L at most 3: position and power; a missing lamp has none.
    :param ambient: float32 (V, 2, 3): light from above and from below.
    :param casters: float32 (V, 24, 15): centre, half size, rotation of what throws shadows.
    :param room: float32 (V, 3), lengths of the rooms, metres.
    :param pixel: float32 (V,), width of a pixel at a depth of 1.
    """

    table: Table
    turn: Tensor
    coats: Tensor
    rays: Tensor
    position: Tensor
    lamps: Tensor
    ambient: Tensor
    casters: Tensor
    room: Tensor
    pixel: Tensor


@dataclass(frozen=True)
class Scenery:
    """One scene with its shapes as arrays, the pose and the camera of one view."""

    plan: Blueprint
    solids: Solids
    pose: Pose
    camera: Camera


def pack(scenes: Sequence[Scenery], device: torch.device) -> Packed:
    """Return views as tensors; each scene's first shape is its room."""
    counts = np.array([len(scene.plan.shapes) for scene in scenes])
    view = np.repeat(np.arange(len(scenes)), counts)
    turn = np.concatenate([scene.solids.turn for scene in scenes])
    inverse = np.swapaxes(turn, 1, 2)
    rays = np.stack([_pixel_rays(scene) for scene in scenes])
    position = np.stack([scene.pose.position for scene in scenes])
    center = np.concatenate([scene.solids.center for scene in scenes])
    kind = np.concatenate([scene.solids.kind for scene in scenes])

    def tensor(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)

    table = Table(
        tensor(inverse @ rays[view]),
        tensor((inverse @ (position[view] - center)[:, :, None])[:, :, 0]),
        tensor(np.concatenate([scene.solids.half_m for scene in scenes])),
        torch.from_numpy(kind).to(device),
        torch.from_numpy(view).to(device),
    )
    lamps = max(len(scene.plan.lamps) for scene in scenes)
    return Packed(
        table,
        tensor(turn),
        tensor(np.concatenate([_coats(scene.plan) for scene in scenes]).T),
        tensor(rays),
        tensor(position),
        tensor(np.stack([_lamps(scene.plan)[:lamps] for scene in scenes])),
        tensor(np.array([scene.plan.ambient for scene in scenes])),
        tensor(np.stack([_casters(scene) for scene in scenes])),
        tensor(np.stack([2 * scene.solids.half_m[0] for scene in scenes])),
        tensor(np.array([1 / scene.camera.fx_px for scene in scenes])),
    )


def _pixel_rays(scene: Scenery) -> NDArray[np.float64]:
    """Return the matrix from (column, row, 1) to the viewing ray in world axes."""
    camera = scene.camera
    inverse = np.array(
        [
            [1 / camera.fx_px, 0, -camera.cx_px / camera.fx_px],
            [0, 1 / camera.fy_px, -camera.cy_px / camera.fy_px],
            [0, 0, 1],
        ]
    )
    return np.asarray(scene.pose.optical_axes.T @ inverse)


def _coats(plan: Blueprint) -> NDArray[np.float64]:
    """Return the coat of each shape, (N, 19)."""
    coats = np.array(
        [
            (
                *coat.colors[0], *coat.colors[1], *coat.colors[2],
                coat.tile * LEVEL_START[-1], 1 / coat.repeat_m[0], 1 / coat.repeat_m[1],
                *coat.shift, coat.turned, coat.dirt, coat.gloss, coat.glow, coat.open,
            )
            for coat in plan.coats
        ]
    )  # fmt: skip
    return np.asarray(coats[[shape.coat for shape in plan.shapes]], np.float64)


def _lamps(plan: Blueprint) -> NDArray[np.float64]:
    lamps = np.zeros((LAMPS, 6))
    for number, lamp in enumerate(plan.lamps[:LAMPS]):
        lamps[number] = (*lamp.position, *lamp.power)
    return lamps


def _casters(scene: Scenery) -> NDArray[np.float64]:
    """Return the shapes that throw the shadows seen: large and near the camera."""
    solids = scene.solids
    casters = np.zeros((CASTERS, 15))
    casters[:, 2] = -100.0
    casters[:, 3:6] = 1e-3
    casters[:, 6:] = np.eye(3).reshape(-1)
    half = np.sort(solids.half_m, axis=1)
    distance = np.linalg.norm(solids.center - scene.pose.position, axis=1)
    forward = (solids.center - scene.pose.position) @ scene.pose.optical_axes[2]
    weight = np.sqrt(half[:, 1] * half[:, 2]) / (distance + 0.2)
    weight[(half[:, 1] < 0.015) | (forward < -0.5)] = 0
    weight[:3] = 0  # the room, its floor and its ceiling
    chosen = np.argsort(-weight, kind='stable')[:CASTERS]
    chosen = chosen[weight[chosen] > 0]
    shrunk = np.where(solids.kind[chosen] == Kind.BOX, 1.0, 0.8)[:, None]
    casters[: len(chosen), 0:3] = solids.center[chosen]
    casters[: len(chosen), 3:6] = solids.half_m[chosen] * shrunk
    casters[: len(chosen), 6:] = solids.turn[chosen].reshape(-1, 9)
    return casters
