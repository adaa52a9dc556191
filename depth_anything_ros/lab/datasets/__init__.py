"""Data sets on disk, one reader each, all with the same face."""

from collections.abc import Callable
from inspect import Parameter, signature

from depth_anything_ros.lab.datasets.base import Dataset, Warned
from depth_anything_ros.lab.datasets.truth import Truth, require_truth
from depth_anything_ros.registry import Registry

# Takes the path and the split; what else it takes, by keyword and as text, are its options.
Opener = Callable[..., Dataset]

_HERE = 'depth_anything_ros.lab.datasets'

DATASETS: Registry[Opener] = Registry(
    'data set',
    {
        'rgbd_folder': f'{_HERE}.rgbd_folder:open_rgbd_folder',
        'nyu_depth_v2': f'{_HERE}.nyu_depth_v2:open_nyu_depth_v2',
        'hypersim': f'{_HERE}.hypersim:open_hypersim',
        'vkitti2': f'{_HERE}.vkitti2:open_vkitti2',
        'blendedmvs': f'{_HERE}.blendedmvs:open_blendedmvs',
        'irs': f'{_HERE}.irs:open_irs',
        'tartanair': f'{_HERE}.tartanair:open_tartanair',
        'bag': f'{_HERE}.bag:open_bag',
        'nyu_official': f'{_HERE}.nyu_official:open_nyu_official',
        'kitti': f'{_HERE}.kitti:open_kitti',
        'eth3d': f'{_HERE}.eth3d:open_eth3d',
        'scannet': f'{_HERE}.scannet:open_scannet',
        'diode': f'{_HERE}.diode:open_diode',
        'tum_rgbd': f'{_HERE}.tum_rgbd:open_tum_rgbd',
        'pairs': f'{_HERE}.pairs:open_pairs',
        'images': f'{_HERE}.images:open_images',
        'da2k': f'{_HERE}.da2k:open_da2k',
    },
)


def warning_of(dataset: Dataset) -> str:
    """Return what a reader of scores must know of the depth of a data set, '' if nothing."""
    return dataset.warning if isinstance(dataset, Warned) else ''


def options_of(name: str) -> tuple[str, ...]:
    """
    Return the options that the opener of a data set takes.

    :raises UnknownNameError: if no data set has that name.
    """
    parameters = signature(DATASETS[name]).parameters.values()
    return tuple(item.name for item in parameters if item.kind is Parameter.KEYWORD_ONLY)


__all__ = ['DATASETS', 'Dataset', 'Opener', 'Truth', 'options_of', 'require_truth', 'warning_of']
