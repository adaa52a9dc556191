"""What an exported network is called, and all that it depends on, told without torch."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module, metadata

from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache, source_digest
from depth_anything_ros.inference.backends.source import NetworkSource
from depth_anything_ros.models.local_file import file_sha256

_SIZE, _TORCH = 'size', 'torch'


def export_label(options: BackendOptions, backend: str) -> str:
    """Return a readable name for an export: model, height, width, backend."""
    height, width = options.size
    return f'{options.source.spec.name}-{height}x{width}-{backend}'


def export_key(
    options: BackendOptions,
    libraries: Collection[str],
    narrowed: Collection[str] = (),
    form: str = '',
) -> dict[str, str]:
    """
    Return everything that an export depends on.

    Exports are in fp32; narrower formats are chosen when the library compiles the export. What
    torch exports depends on its version; where it is not installed, an export that any torch has
    made of all else will do.

    :param libraries: modules of the libraries that take part, besides torch.
    :param narrowed: names of the layers whose weights take 7 bits.
    :param form: what else the export is made for, empty for nothing.
    """
    key = _of_any_size(options.source, libraries, narrowed)
    if form:
        key['form'] = form
    key[_SIZE] = f'{options.size[0]}x{options.size[1]}'
    graph = options.source.graph_for(options.device)
    if graph is not None:
        return {**key, 'graph': file_sha256(graph)}
    key |= _torch_version()
    if _TORCH not in key:
        key[_TORCH] = (options.cache.known(key, {_TORCH}) or {}).get(_TORCH, '')
    return key


def is_kept(source: NetworkSource, libraries: Collection[str], cache: ExportCache) -> bool:
    """
    Return whether a network has been exported before, at whichever size.

    So its weights are whole, and those of its model.

    :param source: a network whose layers multiply no integers.
    :param libraries: modules of the libraries that take part, besides torch.
    """
    return cache.known(_of_any_size(source, libraries, ()) | _torch_version()) is not None


def _of_any_size(
    source: NetworkSource, libraries: Collection[str], narrowed: Collection[str]
) -> dict[str, str]:
    return {
        'model': source.spec.name,
        'output': source.spec.output,
        'weights': source.key,
        'precision': 'fp32',
        'narrowed': ' '.join(narrowed),
        'source': source_digest(),
        **{name: _version(name) for name in libraries},
    }


def _torch_version() -> dict[str, str]:
    try:
        return {_TORCH: metadata.version(_TORCH)}
    except metadata.PackageNotFoundError:
        return {}


def _version(library: str) -> str:
    """Return the version of a library, without importing it if its package has its name."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        version: str = import_module(library).__version__
        return version
