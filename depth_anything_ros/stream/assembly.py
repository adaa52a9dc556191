"""The pipeline that the parameters of the depth node describe."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.home import expand_user
from depth_anything_ros.inference.opening import check_network
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.local_file import local_file
from depth_anything_ros.models.meaning import spec_of_file
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import create_refinements
from depth_anything_ros.scale import create_scale_source, create_scene_cut, create_tracker
from depth_anything_ros.scale.focal_length import scale_of_model
from depth_anything_ros.uncertainty import Uncertainty, find_table, read_table


def assemble(
    predictor: Predictor,
    config: DepthNodeConfig,
    uncertainty: Callable[[], Uncertainty] | None = None,
) -> DepthPipeline:
    """
    Return a pipeline round a network; scale and shift start afresh.

    :param uncertainty: what gives that of the network, None to find it by the parameters.
    :raises CheckpointError: if the table of errors that is named is not of this network.
    """
    poses = PoseHistory()
    # A source that has no reference yet is empty, and still one.
    source = create_scale_source(config.scale)
    # A new tracker each time: scale and shift of one network mean nothing to another.
    return DepthPipeline(
        predictor,
        scale_of_model(predictor) if source is None else source,
        create_tracker(config.scale),
        config.max_depth_m,
        create_scene_cut(config.scale),
        create_refinements(config.refinement, poses),
        poses,
        config.completion.fused_refusal,
        uncertainty or _uncertainty(predictor, config.uncertainty.sigma_table),
        config.scale.align_by_confidence,
    )


def _uncertainty(predictor: Predictor, told: str) -> Callable[[], Uncertainty]:
    """Return what gives the table of errors; one that is named is read now, others when asked."""

    @cache
    def find() -> Uncertainty:
        return Uncertainty(
            find_table(predictor.identity, predictor.output_kind, predictor.weights_path, told)
        )

    if told:
        find()
    return find


def check_config(config: DepthNodeConfig) -> None:
    """
    Check in no time what would make loading fail for certain.

    Of a checkpoint that is what it says itself; its sha256 takes too long.

    :raises DepthAnythingError: naming the value and what is allowed.
    """
    path = check_parameters(config)
    if path is not None:
        spec_of_file(MODELS[config.network.model], CheckpointFile.read(path), sha256='')


def check_parameters(config: DepthNodeConfig) -> Path | None:
    """
    Check all but what is in the checkpoint, and return its path.

    :return: None for the published one, and for a folder, whose contract was read.

    :raises DepthAnythingError: naming the value and what is allowed.
    """
    network = config.network
    check_network("parameter 'input_size':", network)
    create_scale_source(config.scale)
    if config.uncertainty.sigma_table:
        read_table(expand_user(config.uncertainty.sigma_table))
    if not network.checkpoint or is_network_folder(network.checkpoint):
        return None
    return local_file(network.checkpoint)
