"""Optional steps that refine depth on its way through the pipeline; all are off by default."""

from __future__ import annotations

from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement.base import MetricStep, PredictionStep, Refinements
from depth_anything_ros.refinement.config import RefinementConfig
from depth_anything_ros.refinement.edge_filter import EdgeFilter
from depth_anything_ros.refinement.temporal_filter import TemporalFilter

__all__ = [
    'EdgeFilter',
    'MetricStep',
    'PredictionStep',
    'RefinementConfig',
    'Refinements',
    'TemporalFilter',
    'create_refinements',
]


def create_refinements(config: RefinementConfig, poses: PoseHistory | None = None) -> Refinements:
    """
    Return the steps that the parameters switch on, with nothing remembered.

    :param poses: where the camera was, for the steps that go by it.
    """
    edges = (EdgeFilter(config.edge_filter_px),) if config.edge_filter_px else ()
    smoothing: tuple[MetricStep, ...] = ()
    if config.temporal_smoothing_s:
        motion = config.motion
        followed = poses if motion.wanted else None
        smoothing = (
            TemporalFilter(config.temporal_smoothing_s, followed, required=motion.required),
        )
    return Refinements(flip=config.flip_augmentation, prediction=edges, metric=smoothing)
