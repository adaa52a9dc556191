"""A model written as a folder with a contract, as anybody's network is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from depth_anything_ros.errors import BackendError, OutputError
from depth_anything_ros.files import write_json, writing_folder
from depth_anything_ros.inference.backends.export import CONFIDENCE, VALUES
from depth_anything_ros.lab.exporting.check import Agreement, agreements, readers
from depth_anything_ros.lab.exporting.formats import (
    Format,
    Numbers,
    chosen_numbers,
    integers_text,
    write_network,
)
from depth_anything_ros.models.checkpoint import Weights
from depth_anything_ros.models.contract import (
    Channels,
    Contract,
    InputContract,
    MadeBy,
    OutputContract,
    Resize,
    Upsampling,
    Values,
)
from depth_anything_ros.models.contract_file import FILE
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.network_folder import contract_of, is_network_folder
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.types import OutputKind
from depth_anything_ros.uncertainty.files import table_beside


@dataclass(frozen=True)
class ExportResult:
    """What was written: the folder, its contract, its size, and how far it is from torch."""

    out: str
    contract: Contract
    bytes: int
    agreements: Sequence[Agreement]


def check_replaceable(out: Path, force: bool) -> None:
    """
    Check that nothing stands at a place, or an exported network that may be replaced.

    :raises OutputError: if something else does.
    """
    if not out.exists():
        return
    if not force:
        raise OutputError(f"'{out}' exists; --force replaces an exported network")
    if not _is_exported(out):
        raise OutputError(f"'{out}' is no exported network; --force replaces those only")


def _is_exported(folder: Path) -> bool:
    if not is_network_folder(str(folder)) or not (folder / FILE).is_file():
        return False
    contract = contract_of(str(folder))
    tables = {table_beside(folder / name).name for name in contract.files}
    known = {FILE, *contract.files, *tables}
    return contract.made_by is not None and {item.name for item in folder.iterdir()} <= known


def export_folder(
    model: tuple[DepthEstimator, Weights],
    sizes: Sequence[tuple[int, int]],
    form: Format,
    asked: Numbers | None,
    out: Path,
    *,
    replace: bool = False,
    progress: Callable[[Sequence[tuple[int, int]]], Iterable[tuple[int, int]]] = iter,
) -> ExportResult:
    """
    Write a model as a folder that runs without torch, and check it against torch.

    Nothing is left of one that is too far from it.

    :param model: the network and its weights.
    :param sizes: (height, width) of each input; the first is the one that `input_size` 0 takes.
    :param form: of the files.
    :param asked: how numbers are stored, None for as the weights are.
    :param out: the folder.
    :param replace: take the place of a folder that exists.
    :param progress: shows how many sizes are done.
    :raises ConfigError: if the weights cannot be stored so.
    :raises MissingDependencyError: if no library here writes or reads such files.
    :raises BackendError: if the network cannot be converted, or is too far from torch.
    :raises OutputError: if the folder cannot be written.
    """
    estimator, weights = model
    numbers = chosen_numbers(estimator, asked)
    form.require()
    readers(form.suffix)
    name = estimator.spec.name
    with writing_folder(out, replace=replace) as fresh:
        files = []
        for height, width in progress(sizes):
            path = fresh / f'{name}-{height}x{width}{form.suffix}'
            write_network(estimator, (height, width), form, numbers, path)
            files.append(path)
        contract = Contract(
            name=name,
            licence=estimator.spec.licence,
            files={
                path.name: file_sha256(path)
                for path in (*files, *sorted({*fresh.iterdir()} - {*files}))
            },
            input=input_contract(estimator.spec, sizes[0]),
            output=output_contract(estimator.spec),
            made_by=_made_by(estimator, weights, form, numbers),
        )
        write_json(fresh / FILE, contract)
        found = list(agreements(fresh, estimator, weights, list(sizes)))
        _check(found, numbers)
        _copy_table(weights, files[0])
        total = sum(path.stat().st_size for path in fresh.iterdir())
    return ExportResult(str(out), contract, total, found)


def _check(found: Sequence[Agreement], numbers: Numbers) -> None:
    for one in found:
        allowed = one.allowed(numbers)
        if not one.error <= allowed:
            height, width = one.size
            raise BackendError(
                f'the exported network is not that of torch: {one.library} at {height}×{width} is '
                f'off by {one.error:.1e} of the range of its output; allowed in {numbers.value}: '
                f'{allowed:.1e}'
            )


def input_contract(spec: ModelSpec, size: tuple[int, int]) -> InputContract:
    """
    Return what a model reads, as a contract says it.

    :param size: the (height, width) of the input that is taken where none is asked for.
    """
    return InputContract(
        channels=Channels.RGB,
        range=1,
        mean=spec.mean,
        std=spec.std,
        resize=Resize.LONGER_SIDE if spec.longer_side else Resize.SHORTER_SIDE,
        size=max(size) if spec.longer_side else min(size),
        multiple=spec.patch,
        interpolation=spec.interpolation,
    )


def output_contract(spec: ModelSpec) -> OutputContract:
    """Return what an exported model gives, as a contract says it."""
    metric = spec.output_kind is OutputKind.METRIC_DEPTH
    affine = spec.output_kind is OutputKind.AFFINE_DEPTH
    return OutputContract(
        name=VALUES if spec.confidence else None,
        kind=Values.INVERSE_AFFINE_DEPTH if affine else Values(spec.output_kind.value),
        max_depth_m=spec.max_depth_m,
        metres_per_unit=1.0 if metric else None,
        metres_at_focal_px=spec.metres_at_focal_px,
        upsampling=Upsampling.ALIGN_CORNERS if spec.align_corners else Upsampling.HALF_PIXEL,
        confidence=CONFIDENCE if spec.confidence else None,
    )


def _made_by(
    estimator: DepthEstimator, weights: Weights, form: Format, numbers: Numbers
) -> MadeBy:
    libraries = ('depth_anything_ros', 'torch', *form.libraries)
    return MadeBy(
        model=estimator.spec.name,
        weights=weights.origin,
        sha256=weights.sha256,
        recipe=weights.recipe,
        precision=numbers.value,
        integers=integers_text(estimator),
        versions={library: metadata.version(library) for library in libraries},
    )


def _copy_table(weights: Weights, network: Path) -> None:
    """Copy what is known of the errors of these weights, where the node looks for it."""
    if weights.path is not None and table_beside(weights.path).is_file():
        shutil.copyfile(table_beside(weights.path), table_beside(network))
