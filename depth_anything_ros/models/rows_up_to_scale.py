"""The rows of networks of depth up to a scale, and of decoders to be trained on their encoders."""

from __future__ import annotations

from dataclasses import replace

from depth_anything_ros.models.spec import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Interpolation,
    ModelSpec,
)

_VIT_L_LAYERS = (4, 11, 17, 23)

# Commit and sha256 of `model.safetensors`, as several public projects that pin them state alike.
_DEPTH_ANYTHING_3_FILES = {
    'SMALL': (
        'e08cab65ca0ec38e7826075418411ab90cab4da3',
        '364492e38a3a06d221ac75da7f6621ada3f2361cd24fde11ba79091e9f40efcf',
    ),
    'BASE': (
        'f4a6c9b3c95e41c82048423d3493a81ec3fa810e',
        'e01067dc1659613083d9145a9a2547ccdbe6ccbbf83c4fe7b3e8a4e2bdae78b5',
    ),
    'LARGE-1.1': (
        '0e109ae307c5982f319a67cf6f9f99ccdc0ec97c',
        '739905c423cf0d6ccaf9e61a8401d82ba1ac32d7f4d3ee6dca8f92b377633f64',
    ),
    'GIANT-1.1': (
        '72ee9f89ce4e50d704e9d55ee9c646ec8dc25a19',
        '1e47a08338ca73a6d6a21d37fd060b26b993b672bc6ddf6295fe474df2592001',
    ),
}


def _depth_anything_3(word: str) -> ModelSpec:
    """
    Return the row of one Depth Anything 3 model for any number of views, here for one.

    Its depth is up to a scale: the paper makes the scale of several views agree, so that a shift
    would bend them.

    :param word: of its name at the hub.
    """
    revision, sha256 = _DEPTH_ANYTHING_3_FILES[word]
    size, layers, features, out_channels, licence, parameters = {
        'SMALL': ('vits', (5, 7, 9, 11), 64, (48, 96, 192, 384), 'Apache-2.0', 26_174_436),
        'BASE': ('vitb', (5, 7, 9, 11), 128, (96, 192, 384, 768), 'Apache-2.0', 103_012_196),
        'LARGE-1.1': (
            'vitl', (11, 15, 19, 23), 256, (256, 512, 1024, 1024), 'CC-BY-NC-4.0', 345_425_124,
        ),
        'GIANT-1.1': (
            'vitg', (19, 27, 33, 39), 256, (256, 512, 1024, 1024), 'CC-BY-NC-4.0', 1_190_916_068,
        ),
    }[word]  # fmt: skip
    return ModelSpec(
        name=f'depth_anything_3_{word.partition("-")[0].lower()}',
        encoder='dinov2_any_view',
        encoder_size=size,
        decoder='dual_dpt',
        patch=14,
        layers=layers,
        features=features,
        out_channels=out_channels,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        input_size=504,
        max_depth_m=None,
        hub_repo=f'depth-anything/DA3-{word}',
        revision=revision,
        weights_file='model.safetensors',
        sha256=sha256,
        licence=licence,
        origin='github.com/ByteDance-Seed/Depth-Anything-3',
        parameters=parameters,
        longer_side=True,
        interpolation=Interpolation.AREA,
        up_to_scale=True,
        confidence=True,
        camera='direct',
    )


_VGGT = ModelSpec(
    name='vggt',
    encoder='vggt',
    encoder_size='vitl',
    decoder='dpt_vggt',
    patch=14,
    layers=_VIT_L_LAYERS,
    features=256,
    out_channels=(256, 512, 1024, 1024),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    input_size=518,
    max_depth_m=None,
    hub_repo='facebook/VGGT-1B',
    revision='860abec7937da0a4c03c41d3c269c366e82abdf9',
    weights_file='model.safetensors',
    sha256='f164acf60724910d8fe1578bb499d800850c7bb0948db7555c413f9fbe60467e',
    licence='CC-BY-NC-4.0',
    origin='github.com/facebookresearch/vggt',
    parameters=1_157_940_468,
    longer_side=True,
    interpolation=Interpolation.AREA,
    # Training divides a scene by the mean distance of its points and shifts nothing.
    up_to_scale=True,
    confidence=True,
    camera='refining',
)


def _to_train(row: ModelSpec, decoder: str, suffix: str, parameters: int) -> ModelSpec:
    """
    Return the row of a decoder to be trained on the encoder of a published model.

    They are what AnyDepth compares; a decoder is trained on inverse depth, scaled and shifted at
    will, whatever the one that was published gives.

    :param row: of the published model.
    :param decoder: a name in DECODERS.
    :param suffix: of the name of the row.
    :param parameters: of the whole.
    """
    return replace(
        row,
        name=f'{row.name}_{suffix}',
        decoder=decoder,
        out_channels=(row.features,) * 4 if decoder == 'sdt' else row.out_channels,
        hub_repo='',
        revision='',
        weights_file='',
        sha256='',
        origin='github.com/AIGeeksGroup/AnyDepth, which published no weights with this encoder',
        parameters=parameters,
        up_to_scale=False,
        confidence=False,
        camera='',
    )


_DEPTH_ANYTHING_3_METRIC = ModelSpec(
    name='depth_anything_3_metric_large',
    encoder='dinov2_monocular',
    encoder_size='vitl',
    decoder='dpt_sky',
    patch=14,
    layers=_VIT_L_LAYERS,
    features=256,
    out_channels=(256, 512, 1024, 1024),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    input_size=504,
    max_depth_m=None,
    hub_repo='depth-anything/DA3METRIC-LARGE',
    revision='4010e39f3634a45bc60553321fb49fb760bd594e',
    weights_file='model.safetensors',
    sha256='bbea5b0b3ee389849cffa7ddae89de064a90abd2b055fc5aa99aac68db324776',
    licence='Apache-2.0',
    origin='github.com/ByteDance-Seed/Depth-Anything-3',
    parameters=334_171_394,
    longer_side=True,
    interpolation=Interpolation.AREA,
    up_to_scale=True,
    sky=True,
    metres_at_focal_px=300.0,
)

_DEPTH_ANYTHING_3_MONO = replace(
    _DEPTH_ANYTHING_3_METRIC,
    name='depth_anything_3_mono_large',
    hub_repo='depth-anything/DA3MONO-LARGE',
    revision='f465978e618db8cc79c83b8bbf24964857db1875',
    sha256='7a799a7f95eb8d4c404c2ca8be3dc3276b350a417ddc4420db72ba850cc0e960',
    metres_at_focal_px=None,
    # Its teacher gives depth that is invariant to scale and shift (section 4.1 of the paper: the
    # loss aligns both), and the student learns that depth with the same loss (4.3).
    depth_shift=True,
)


_ANY_VIEW = {word: _depth_anything_3(word) for word in _DEPTH_ANYTHING_3_FILES}
_GIANT, _LARGE = _ANY_VIEW['GIANT-1.1'], _ANY_VIEW['LARGE-1.1']

# Both networks in one file.
_DEPTH_ANYTHING_3_NESTED = replace(
    _GIANT,
    name='depth_anything_3_nested_giant_large',
    metric=_DEPTH_ANYTHING_3_METRIC,
    hub_repo='depth-anything/DA3NESTED-GIANT-LARGE-1.1',
    revision='b2359bdf726fb44ef62acca04d629dcf158053e7',
    sha256='8ebe871a022ed58d2fc8fdfb2ebdb31d57b60fe39611c849095851a7b7c6020c',
    parameters=_GIANT.parameters + _DEPTH_ANYTHING_3_METRIC.parameters,
    sky=True,
    metres_at_focal_px=_DEPTH_ANYTHING_3_METRIC.metres_at_focal_px,
)

UP_TO_SCALE_ROWS = (
    *_ANY_VIEW.values(),
    _DEPTH_ANYTHING_3_METRIC,
    _DEPTH_ANYTHING_3_MONO,
    _DEPTH_ANYTHING_3_NESTED,
    _VGGT,
)
TO_TRAIN_ROWS = (
    _to_train(_LARGE, 'dpt', 'dpt', 338_204_353),
    _to_train(_LARGE, 'dual_dpt', 'dual_dpt', 337_028_322),
    _to_train(_LARGE, 'sdt', 'sdt', 343_976_517),
    _to_train(_VGGT, 'dpt_vggt', 'dpt', 941_765_858),
    _to_train(_VGGT, 'sdt', 'sdt', 948_714_053),
)
