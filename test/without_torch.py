"""Processes in which torch and what comes with it are not installed."""

import os
from pathlib import Path

# Read by every Python that finds it on its path, before anything else is imported. The packages
# are not found, as they would not be; nor is what pip wrote of them.
_SITE = """
import importlib.machinery
import importlib.metadata

_AWAY = ('torch', 'safetensors', 'huggingface_hub', 'transformers', 'torchgen', 'functorch')
_finder, _metadata = importlib.machinery.PathFinder, importlib.metadata.MetadataPathFinder
_find_spec, _find_distributions = _finder.find_spec, _metadata.find_distributions


def find_spec(name, path=None, target=None):
    if name.partition('.')[0] in _AWAY:
        return None
    return _find_spec(name, path, target)


def find_distributions(context=importlib.metadata.DistributionFinder.Context()):
    return [] if context.name in _AWAY else _find_distributions(context)


_finder.find_spec, _metadata.find_distributions = find_spec, find_distributions
"""


def without_torch(folder: Path) -> str:
    """
    Return a PYTHONPATH with which Python finds no torch.

    :param folder: of files for that, made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'sitecustomize.py').write_text(_SITE)
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get('PYTHONPATH')])])
