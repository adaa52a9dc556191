"""Scale and shift that are given, not measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.parameters import Affects, parameter
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.types import Alignment, Camera, RelativeInverseDepth


@dataclass(frozen=True)
class FixedConfig:
    """Give scale and shift."""

    fixed_scale: float = parameter(
        1.0,
        'Scale of the fixed source: 1 / depth = scale · relative + shift; of a model of depth up '
        'to scale and shift, depth = scale / relative + shift, in m.',
        unit='1/m',
        minimum=1e-9,
        maximum=1e9,
        affects=Affects.SCALE,
    )
    fixed_shift: float = parameter(
        0.0,
        'Shift of the fixed source: 1 / depth = scale · relative + shift; of a model of depth up '
        'to scale and shift, depth = scale / relative + shift, in m.',
        unit='1/m',
        minimum=-100.0,
        maximum=100.0,
        affects=Affects.SCALE,
    )


class FixedScale:
    """
    Give the same alignment for every frame: 1 / depth_m = scale · relative + shift.

    Of affine depth it is depth_m = scale / relative + shift.

    It suits a camera that was calibrated against known distances; a relative model's own scale
    changes from scene to scene.

    :param scale: in 1/m per unit of the network's output, of affine depth in m; above 0.
    :param shift: in 1/m, of affine depth in m.
    :raises AlignmentError: if a number is not finite or the scale not positive.
    """

    name = 'fixed'
    parameters = FixedConfig
    references: ClassVar[tuple[ReferenceTopic, ...]] = ()

    def __init__(self, scale: float, shift: float = 0.0) -> None:
        if not (math.isfinite(scale) and math.isfinite(shift) and scale > 0):
            raise AlignmentError(
                f'fixed scale {scale}, shift {shift}: finite numbers are needed, the scale above 0'
            )
        self._scale = scale
        self._shift = shift

    @classmethod
    def from_config(cls, config: FixedConfig) -> FixedScale:
        """Return the source as its parameters describe it."""
        return cls(config.fixed_scale, config.fixed_shift)

    def align(
        self,
        relative: RelativeInverseDepth,
        stamp_ns: int,
        camera: Camera | None = None,  # noqa: ARG002
    ) -> Alignment:
        """
        Return the given scale and shift, stamped with the frame's own time.

        :raises AlignmentError: if there is a shift and the model's depth is up to a scale.
        """
        if self._shift and not relative.kind.has_shift:
            raise AlignmentError(
                f'fixed_shift is {self._shift:g}, but this model gives inverse depth up to a '
                'scale, which has none; set fixed_shift to 0 and measure the scale alone'
            )
        return Alignment(
            scale=self._scale,
            shift=self._shift,
            source=self.name,
            points=0,
            inlier_ratio=1.0,
            residual=0.0,
            stamp_ns=stamp_ns,
            kind=relative.kind,
        )
