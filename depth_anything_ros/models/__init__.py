"""
The models and the parts they are made of.

An encoder is a new file in `encoders` and a line in ENCODERS, a decoder likewise, a published
model a row in `rows.py`. Importing this package does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from depth_anything_ros.models.rows import ROWS
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from depth_anything_ros.models.estimator import Decoder, DepthEstimator, Encoder

_ENCODERS = 'depth_anything_ros.models.encoders'
_DECODERS = 'depth_anything_ros.models.decoders'

ENCODERS: Registry[Callable[[str, int, str], Encoder[Any]]] = Registry(
    'encoder',
    {
        'dinov2': f'{_ENCODERS}.dinov2:DinoV2',
        'dinov2_any_view': f'{_ENCODERS}.depth_anything_3:AnyViewDinoV2',
        'dinov2_monocular': f'{_ENCODERS}.depth_anything_3:MonocularDinoV2',
        'dinov3': f'{_ENCODERS}.dinov3:DinoV3',
        'efficientnet_lite': f'{_ENCODERS}.efficientnet_lite:EfficientNetLite',
        'vggt': f'{_ENCODERS}.vggt:VggtAggregator',
    },
)

_DecoderFactory: TypeAlias = (
    'Callable[[tuple[int, ...], int, int, tuple[int, int, int, int]], Decoder[Any]]'
)

DECODERS: Registry[_DecoderFactory] = Registry(
    'decoder',
    {
        'dpt': f'{_DECODERS}.dpt:DPTHead',
        'dpt_pyramid': f'{_DECODERS}.dpt:PyramidDPTHead',
        'dpt_readout': f'{_DECODERS}.dpt:ReadoutDPTHead',
        'dpt_sky': f'{_DECODERS}.depth_anything_3:SkyDPTHead',
        'dpt_vggt': f'{_DECODERS}.vggt:VggtDPTHead',
        'dual_dpt': f'{_DECODERS}.depth_anything_3:DualDPTHead',
        'pyramid': f'{_DECODERS}.pyramid:PyramidHead',
        'sdt': f'{_DECODERS}.sdt:SDTHead',
        'sdt_pyramid': f'{_DECODERS}.sdt:PyramidSDTHead',
    },
)

_CAMERA_HEAD = 'depth_anything_ros.models.camera_head'
CAMERA_HEADS: Registry[Callable[[int], nn.Module]] = Registry(
    'camera head',
    {
        'direct': f'{_CAMERA_HEAD}:CameraHead',
        'refining': f'{_CAMERA_HEAD}:RefiningCameraHead',
    },
)

MODELS: Registry[ModelSpec] = Registry('model', {row.name: row for row in ROWS})


def create_model(spec: ModelSpec, attention: str = 'sdpa') -> DepthEstimator:
    """
    Build the network of a row, with torch's default weights, on the default device.

    :param spec: a row of MODELS, or one made with `dataclasses.replace`.
    :param attention: 'sdpa' (fused) or 'eager' (the softmax written out, as in the public
        code; the baseline of the benchmark).
    :raises UnknownNameError: if encoder, encoder size, decoder, camera head or attention is not
        known.
    """
    from depth_anything_ros.models.estimator import DepthEstimator

    encoder, decoder = _parts(spec, attention)
    width = encoder.widths(spec.layers)[-1]
    camera_head = CAMERA_HEADS[spec.camera](width) if spec.camera else None
    if spec.metric is not None:
        from depth_anything_ros.models.nested import NestedDecoder, NestedEncoder

        metric_encoder, metric_decoder = _parts(spec.metric, attention)
        encoder = NestedEncoder(encoder, metric_encoder, spec.metric.layers)
        decoder = NestedDecoder(decoder, metric_decoder)
    return DepthEstimator(spec, encoder, decoder, camera_head)


def _parts(spec: ModelSpec, attention: str) -> tuple[Encoder[Any], Decoder[Any]]:
    encoder = ENCODERS[spec.encoder](spec.encoder_size, spec.patch, attention)
    widths = encoder.widths(spec.layers)
    return encoder, DECODERS[spec.decoder](widths, spec.patch, spec.features, spec.out_channels)
