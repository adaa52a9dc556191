"""The models that ship with the package: as they are, and after each recipe of `compress`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import SUFFIX, write_packed
from depth_anything_ros.lab.compression.recipe import compress
from depth_anything_ros.lab.evaluation.targets import Target
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.spec import ModelSpec

AS_SHIPPED = 'as shipped'
# Of recipes that must be told how much.
_AMOUNTS = {'prune_structured': '(0.2)', 'prune': '(0.2, global)'}


@dataclass(frozen=True)
class Version:
    """A model that ships, as it is or after a chain of recipes, and its file."""

    model: str
    recipe: str
    path: Path

    @property
    def target(self) -> Target:
        """Return what is scored: the network in PyTorch on the CPU, in float32."""
        options = NetworkOptions(
            self.model, str(self.path), backend='torch', precision='fp32', device='cpu'
        )
        return Target(f'{self.model} {self.recipe}', options)


def shipped_models() -> list[str]:
    """Return the names of the models whose weights are in the package."""
    return [name for name, row in MODELS.items() if row.weights_file and not row.hub_repo]


def recipe_chains() -> list[str]:
    """Return a chain of each recipe by itself."""
    return [f'{name}{_AMOUNTS.get(name, "")}' for name in RECIPES]


def versions_of(
    model: str,
    chains: Sequence[str],
    folder: Path,
    images: Callable[[ModelSpec], Sequence[Tensor]],
) -> Iterator[Version]:
    """
    Give a model that ships, then write it after each chain of recipes and give that.

    :param folder: where files are written.
    :param images: gives network inputs, float32 (1, 3, h, w) each, for recipes that are
        calibrated.
    :raises OutputError: if a file cannot be written.
    """
    _, parent = load_estimator(model)
    assert parent.path is not None, f'{model} does not ship with the package'
    yield Version(model, AS_SHIPPED, parent.path)
    for place, chain in enumerate(chains):
        recipes = parse_chain(chain)
        path = folder / f'{model}_{place}{SUFFIX}'
        inputs = images(parent.spec) if any(recipe.calibrated for recipe in recipes) else ()
        state = compress(parent.spec, parent.state, recipes, inputs)
        write_packed(path, state, model, recipes, parent)
        yield Version(model, chain, path)
