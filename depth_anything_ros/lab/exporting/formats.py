"""What an exported network can be: file formats, and how its numbers are stored."""

from __future__ import annotations

from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from depth_anything_ros.errors import ConfigError, MissingDependencyError
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import saturating_layers


class Format(str, Enum):
    """Files that a network is exported as."""

    ONNX = 'onnx'
    OPENVINO = 'openvino'

    @property
    def suffix(self) -> str:
        """Return how the name of a network's file ends."""
        return '.onnx' if self is Format.ONNX else '.xml'

    @property
    def libraries(self) -> tuple[str, ...]:
        """Return the names of the libraries that write it, those of their packages."""
        return ('onnx', 'onnxruntime') if self is Format.ONNX else ('openvino',)

    def require(self) -> None:
        """
        Check that what writes such files is installed.

        :raises MissingDependencyError: if it is not.
        """
        missing = [library for library in self.libraries if find_spec(library) is None]
        if missing and self is Format.ONNX:
            raise MissingDependencyError(missing[0], 'onnx')
        if missing:
            raise MissingDependencyError(missing[0], 'openvino')


class Numbers(str, Enum):
    """
    How the numbers of an exported network are stored.

    fp16 halves the files; libraries compute with them in the precision that they are asked for.
    int8 keeps the integers of a packed checkpoint.
    """

    FP32 = 'fp32'
    FP16 = 'fp16'
    INT8 = 'int8'


def chosen_numbers(estimator: DepthEstimator, asked: Numbers | None) -> Numbers:
    """
    Return how numbers are stored: as asked, or as the weights are.

    :param asked: None for int8 where layers multiply integers, else fp32.
    :raises ConfigError: if the weights cannot be stored so.
    """
    integers = bool(estimator.activation_ranges)
    if asked is None:
        return Numbers.INT8 if integers else Numbers.FP32
    if integers and asked is not Numbers.INT8:
        raise ConfigError(
            f'precision {asked.value}: the layers of this checkpoint multiply integers; allowed: '
            'int8, or the checkpoint it was packed from'
        )
    if asked is Numbers.INT8 and not integers:
        raise ConfigError(
            'precision int8: no layer of these weights multiplies integers; pack them first with '
            '`compress --recipe int8_static` and export that file'
        )
    return asked


def integers_text(estimator: DepthEstimator) -> str:
    """Say with how many bits the weights of an export are multiplied, empty if as floats."""
    count = len(estimator.activation_ranges)
    if not count:
        return ''
    narrowed = len(saturating_layers(estimator))
    return f'8-bit weights in {count} layers' + (f', 7-bit in {narrowed} of them' * bool(narrowed))


def write_network(
    estimator: DepthEstimator, size: tuple[int, int], form: Format, numbers: Numbers, path: Path
) -> None:
    """
    Write a network for one input size.

    Weights whose products could saturate on processors without VNNI take 7 bits: nobody knows
    which processor will run the file.

    :param size: (height, width) of its input.
    :param path: of its file, in a folder that is there; files of its weights stand beside.
    :raises BackendError: if it cannot be converted.
    :raises OutputError: if there is no room.
    """
    narrowed = saturating_layers(estimator)
    half = numbers is Numbers.FP16
    if form is Format.OPENVINO:
        from depth_anything_ros.inference.backends.openvino_export import export_openvino

        export_openvino(estimator, size, narrowed, path, half)
        return
    from depth_anything_ros.inference.backends.onnx_export import export_onnx, store_in_half

    if not half:
        export_onnx(estimator, size, narrowed, path)
        return
    with TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        export_onnx(estimator, size, narrowed, whole)
        store_in_half(whole, path)
