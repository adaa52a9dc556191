"""
Recipes that make the checkpoint of a model smaller, and the file they make.

A recipe is a new file here and a line in RECIPES. Importing this package does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from depth_anything_ros.lab.compression.recipe import Recipe

_HERE = 'depth_anything_ros.lab.compression'

RECIPES: Registry[type[Recipe]] = Registry(
    'recipe',
    {
        'prune_structured': f'{_HERE}.prune_structured:PruneStructured',
        'prune': f'{_HERE}.prune:Prune',
        'int16_static': f'{_HERE}.int16_static:Int16Static',
        'fp16': f'{_HERE}.fp16:Fp16',
        'int8_dynamic': f'{_HERE}.int8_dynamic:Int8Dynamic',
        'int8_static': f'{_HERE}.int8_static:Int8Static',
    },
)
