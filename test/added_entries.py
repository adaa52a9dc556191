"""What somebody adds from outside: an entry for each table, complete in this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.metrics import METRICS, Better, Metric
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.datasets import DATASETS
from depth_anything_ros.parameters import Affects, parameter
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.scale import SCALE_SOURCES
from depth_anything_ros.types import Alignment, DepthSample, Precision

FAR_SHARE, NEAR_SHARE = 1.0, 2.0


def ramp(height: int, width: int) -> np.ndarray:
    """Return inverse depth without unit that grows from the top to the bottom of the image."""
    rows = np.linspace(FAR_SHARE, NEAR_SHARE, height, dtype=np.float32)
    return np.repeat(rows[:, None], width, axis=1)


class RampBackend:
    """A backend that gives the same ramp for every image."""

    name: ClassVar[str] = 'ramp'
    libraries: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Any) -> None:
        self._size = options.size

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        pass

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        return Precision.FP32

    @classmethod
    def narrowed(cls, estimator: Any, device: str) -> tuple[str, ...]:
        return ()

    def infer(self, pixels: np.ndarray) -> np.ndarray:
        return ramp(*self._size)


@dataclass(frozen=True)
class SonarConfig:
    sonar_offset_m: float = parameter(
        0.0,
        'How far the sonar lies behind the lens.',
        unit='m',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.REFERENCE,
    )


class SonarIntake:
    """Reads sensor_msgs/Range, of what is in the middle of the image."""

    doubt = ''

    def take(self, source: Any, message: Any, own: SonarConfig, around: Any) -> str:
        source.middle_m = message.range - own.sonar_offset_m
        return f'{source.name} met nothing' if source.middle_m > message.max_range else ''


class SonarScale:
    """A scale source: the range of a sonar is the depth in the middle of the image."""

    name = 'sonar'
    parameters = SonarConfig
    references = (ReferenceTopic('sonar', 'sensor_msgs/msg/Range', SonarIntake),)

    def __init__(self) -> None:
        self.middle_m: float | None = None

    @classmethod
    def from_config(cls, config: SonarConfig) -> SonarScale:
        return cls()

    def align(self, relative: Any, stamp_ns: int, camera: Any = None) -> Alignment:
        if self.middle_m is None:
            raise AlignmentError('no range yet')
        height, width = relative.values.shape
        scale = 1.0 / (self.middle_m * float(relative.values[height // 2, width // 2]))
        return Alignment(scale, 0.0, self.name, 1, 1.0, 0.0, stamp_ns)


def worst(prediction_m: np.ndarray, truth_m: np.ndarray) -> float:
    return float(np.max(np.abs(prediction_m - truth_m)))


@dataclass(frozen=True)
class Blunt:
    """A recipe that rounds every number to so many decimals."""

    decimals: float = 2.0

    calibrated: ClassVar[bool] = False

    @property
    def kind(self) -> Any:
        from depth_anything_ros.lab.compression.recipe import Kind

        return Kind.NUMBER_FORMAT

    def apply(self, state: Any, context: Any) -> Any:
        import torch

        from depth_anything_ros.models.packed import PackedTensor

        return {
            name: PackedTensor(torch.round(tensor.values, decimals=int(self.decimals)))
            if tensor.values.is_floating_point()
            else tensor
            for name, tensor in state.items()
        }


class Slopes:
    """A data set whose depth is that of the ramp, at a scale and shift of its own."""

    name = 'slopes'

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def sample_name(self, index: int) -> str:
        return f'slope {index}'

    def source(self, index: int) -> str:
        return 'hill'

    def __getitem__(self, index: int) -> DepthSample:
        rgb = np.full((48, 64, 3), 50 * index, np.uint8)
        return DepthSample(rgb, 1.0 / (0.2 * ramp(48, 64) + 0.1 * index), self.sample_name(index))


def open_slopes(path: Path, split: str, *, count: str = '2') -> Slopes:
    return Slopes(int(count))


def register() -> None:
    """Add the line of each table."""
    BACKENDS.add('ramp', 'added_entries:RampBackend')
    SCALE_SOURCES.add('sonar', 'added_entries:SonarScale')
    METRICS.add('worst', Metric('worst', 'm', Better.LOWER, 'max |p − t|', worst))
    RECIPES.add('blunt', 'added_entries:Blunt')
    DATASETS.add('slopes', 'added_entries:open_slopes')
