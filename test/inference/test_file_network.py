import shutil

import numpy as np
import pytest
from made_gpu import MadeGpu
from made_networks import (
    BIAS,
    WEIGHTS,
    grey,
    write_folder,
    write_grey,
    write_identity,
    write_random,
)

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    DepthAnythingError,
    UnknownNameError,
)
from depth_anything_ros.inference.backends import onnx_file
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.types import MetricDepth, OutputKind, Precision, RelativeInverseDepth

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

LIBRARIES = ('onnxruntime', 'openvino')
HEIGHT, WIDTH = 48, 64
METRES = {'output_max_depth_m': 10.0, 'output_metres_per_unit': 2.0}


@pytest.fixture(params=LIBRARIES)
def library(request):
    pytest.importorskip(request.param)
    return request.param


def picture(height=HEIGHT, width=WIDTH):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def opened(folder, library='onnxruntime', **options):
    options = {'backend': library, 'precision': 'fp32', **options}
    return create_predictor(NetworkOptions('tiny', str(folder), **options))


def at_own_size(folder, library, **changes):
    """Return what a network says of an image that needs no resizing, float32 (48, 64)."""
    write_folder(folder, input_size=HEIGHT, **changes)
    prediction = opened(folder, library).predict(picture())
    return prediction.depth_m if isinstance(prediction, MetricDepth) else prediction.values


def test_a_folder_is_a_model(tmp_path, library):
    predictor = opened(write_folder(tmp_path, input_size=HEIGHT), library)
    prediction = predictor.predict(picture())
    assert isinstance(prediction, RelativeInverseDepth)
    assert prediction.kind.has_shift
    np.testing.assert_allclose(prediction.values, grey(picture() / 255.0), atol=1e-5)
    identity = predictor.identity
    assert (identity.name, identity.weights, identity.licence) == ('grey', 'checkpoint', 'MIT')
    assert (identity.backend, identity.precision) == (library, 'fp32')
    assert identity.input_size == (HEIGHT, WIDTH)
    assert len(identity.sha256) == 64
    assert predictor.weights_path == tmp_path / 'model.onnx'


def test_images_are_normalised_as_the_contract_says(tmp_path, library):
    mean, std = [10.0, 20.0, 30.0], [2.0, 4.0, 5.0]
    found = at_own_size(tmp_path, library, input_range=255, input_mean=mean, input_std=std)
    np.testing.assert_allclose(found, grey((picture() - mean) / std), rtol=1e-4, atol=1e-4)


def test_a_network_of_bgr_gets_blue_first_with_its_own_mean(tmp_path, library):
    mean = [0.1, 0.2, 0.3]  # of blue, green, red
    found = at_own_size(tmp_path, library, input_channels='bgr', input_mean=mean)
    expected = grey(picture()[..., ::-1] / 255.0 - mean)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize('squeezed', [False, True])
@pytest.mark.parametrize(
    'shape', [(1, 3, 'h', 'w'), (1, 3, 48, 64), (1, 48, 64, 3), ('n', 'h', 'w', 3)]
)
def test_shapes_of_every_kind_run(tmp_path, library, shape, squeezed):
    write_grey(tmp_path / 'model.onnx', shape, squeezed=squeezed)
    found = at_own_size(tmp_path, library)
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=1e-5)


def test_a_network_in_half_precision_runs(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', dtype='float16')
    found = at_own_size(tmp_path, library)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=3e-3)


def test_a_network_that_reads_bytes_runs(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', ('n', 'h', 'w', 3), dtype='uint8')
    found = at_own_size(tmp_path, library, input_range=255)
    np.testing.assert_allclose(found, grey(picture()), rtol=1e-5)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'input_range': 1}, r'range 1, .* make 0 to 1 of an image; a network of bytes has range'),
        (
            {'input_mean': [0.485, 0.456, 0.406], 'input_std': [0.229, 0.224, 0.225]},
            'make -2.118 to 2.64 of an image',
        ),
        ({'input_range': 255, 'input_mean': [103.5, 116.3, 123.7]}, 'make -123.7 to 151.5'),
    ],
)
def test_bytes_that_images_do_not_fill_are_refused(tmp_path, library, changes, message):
    write_grey(tmp_path / 'model.onnx', ('n', 'h', 'w', 3), dtype='uint8')
    with pytest.raises(BackendError, match=f'reads pixels uint8 .*{message}'):
        opened(write_folder(tmp_path, **changes), library)


def test_bytes_may_be_written_as_shares_of_white(tmp_path):
    write_grey(tmp_path / 'model.onnx', ('n', 'h', 'w', 3), dtype='uint8')
    found = at_own_size(tmp_path, 'onnxruntime', input_range=1, input_std=[1 / 255] * 3)
    np.testing.assert_allclose(found, grey(picture()), rtol=1e-5)


def test_metres_that_are_not_above_0_are_unknown(tmp_path, library):
    write_folder(tmp_path, input_size=HEIGHT, input_mean=[0.5] * 3, output_kind='metric_depth',
                 **METRES)  # fmt: skip
    values = 2.0 * grey(picture() / 255.0 - 0.5)
    found = opened(tmp_path, library).predict(picture()).depth_m
    assert 0.1 < (values > 0).mean() < 0.9
    sure = np.abs(values) > 1e-3
    np.testing.assert_array_equal(np.isnan(found)[sure], values[sure] <= 0)
    np.testing.assert_allclose(found[values > 1e-3], values[values > 1e-3], atol=1e-5)


def test_weights_in_a_file_of_their_own_are_found(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', external=True)
    assert (tmp_path / 'model.onnx.data').exists()
    found = at_own_size(tmp_path, library)
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=1e-5)


def test_confidence_is_the_output_that_the_contract_names(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', outputs=('values', 'sure'))
    names = {'output_name': 'values', 'output_confidence': 'sure'}
    folder = write_folder(tmp_path, input_size=HEIGHT, input_std=[2.0] * 3, **names)
    predictor = opened(folder, library)
    assert predictor.spec.confidence
    prediction = predictor.predict_with_confidence(picture())
    np.testing.assert_allclose(prediction.values, grey(picture() / 510.0), atol=1e-5)
    np.testing.assert_allclose(prediction.confidence, prediction.values)
    assert predictor.predict(picture()).confidence is None
    write_folder(tmp_path, output_name='values', output_confidence='safe')
    with pytest.raises(BackendError, match="'safe', key 'output.confidence'; it gives: values, s"):
        opened(tmp_path, library)


def test_confidence_beyond_0_to_1_is_refused_where_it_is_asked_for(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', outputs=('values', 'sure'))
    names = {'output_name': 'values', 'output_confidence': 'sure'}
    folder = write_folder(tmp_path, input_size=HEIGHT, input_std=[0.5] * 3, **names)
    predictor = opened(folder, library)
    values = grey(picture() / 255.0 * 2.0)
    np.testing.assert_allclose(predictor.predict(picture()).values, values, atol=1e-5)
    message = f"output 'sure', key 'output.confidence', gives .* to {values.max():.3g}; allowed: 0"
    with pytest.raises(BackendError, match=message):
        predictor.predict_with_confidence(picture())


def test_an_exported_network_is_that_of_its_weights(tmp_path, caplog):
    made_by = {
        'model': 'tiny', 'weights': 'random', 'sha256': '', 'recipe': 'int8_static',
        'precision': 'int8', 'integers': '8-bit weights in 3 layers', 'versions': {'torch': '2'},
    }  # fmt: skip
    predictor = opened(write_folder(tmp_path, made_by=made_by))
    identity = predictor.identity
    assert (identity.weights, identity.sha256) == ('random', '')
    assert identity.integers == '8-bit weights in 3 layers'
    assert predictor.recipe == 'int8_static'
    assert 'tiny was exported from random weights: its output means nothing' in caplog.text


def test_depth_without_scale_becomes_inverse_depth(tmp_path, library):
    found = at_own_size(tmp_path, library, output_kind='depth_up_to_scale')
    np.testing.assert_allclose(found, 1.0 / grey(picture() / 255.0), rtol=1e-4)
    assert opened(tmp_path, library).output_kind is OutputKind.INVERSE_DEPTH_UP_TO_SCALE


def test_depth_without_scale_that_is_none_is_near(tmp_path):
    # Grey below 0.2 becomes 0 or less.
    found = at_own_size(
        tmp_path, 'onnxruntime', output_kind='depth_up_to_scale', input_mean=[0.3, 0.3, 0.3]
    )
    values = grey(picture() / 255.0 - 0.3)
    assert 0 < (values <= 0).mean() < 0.5
    nearest = values[values > 0].min()
    np.testing.assert_allclose(found, 1.0 / np.maximum(values, nearest), rtol=1e-3)


def test_depth_that_is_hardly_anywhere_above_0_is_an_error(tmp_path):
    with pytest.raises(BackendError, match="not above 0, .* output.kind 'depth_up_to_scale' righ"):
        at_own_size(
            tmp_path, 'onnxruntime', output_kind='depth_up_to_scale', input_mean=[2.0, 2.0, 2.0]
        )


def test_metres_are_the_number_times_its_unit(tmp_path, library):
    found = at_own_size(tmp_path, library, output_kind='metric_depth', **METRES)
    np.testing.assert_allclose(found, 2.0 * grey(picture() / 255.0), rtol=1e-4)
    assert opened(tmp_path, library).spec.max_depth_m == 10.0


def test_metric_inverse_depth_becomes_metres(tmp_path, library):
    found = at_own_size(tmp_path, library, output_kind='metric_inverse_depth', **METRES)
    np.testing.assert_allclose(found, 2.0 / grey(picture() / 255.0), rtol=1e-4)


def test_every_image_is_stretched_to_the_size_of_the_contract(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', (1, 3, 16, 40))
    folder = write_folder(tmp_path, input_resize='stretch', input_size=[16, 40])
    predictor = opened(folder, library)
    for size in ((48, 64), (100, 30)):
        prediction = predictor.predict(picture(*size))
        assert prediction.values.shape == size
        assert predictor.identity.input_size == (16, 40)
    with pytest.raises(ConfigError, match="input size 32: network 'grey' stretches every image"):
        opened(folder, library, input_size=32)


def test_an_input_size_that_is_asked_for_goes_before_that_of_the_contract(tmp_path):
    predictor = opened(write_folder(tmp_path), input_size=24)
    assert predictor.network_size(48, 64) == (24, 32)
    with pytest.raises(ConfigError, match='input size 30 is not a positive multiple of the patch'):
        opened(tmp_path, input_size=30)


def test_several_files_are_one_network_at_several_sizes(tmp_path):
    write_grey(tmp_path / 'model.onnx', (1, 3, 48, 64))
    write_grey(tmp_path / 'upright.onnx', (1, 3, 64, 48))
    files = {'model.onnx': None, 'upright.onnx': None}
    predictor = opened(write_folder(tmp_path, files=files, input_size=48))
    for size in ((48, 64), (64, 48)):
        found = predictor.predict(picture(*size)).values
        np.testing.assert_allclose(found, grey(picture(*size) / 255.0), atol=1e-5)
    with pytest.raises(BackendError, match='reads 48×64, 64×48 .* this image makes 48×96'):
        predictor.predict(picture(48, 96))


def test_an_ir_of_openvino_runs(tmp_path):
    openvino = pytest.importorskip('openvino')
    write_grey(tmp_path / 'model.onnx')
    model = openvino.convert_model(tmp_path / 'model.onnx')
    openvino.save_model(model, tmp_path / 'model.xml', compress_to_fp16=False)
    (tmp_path / 'model.onnx').unlink()
    write_folder(tmp_path, files={'model.xml': None}, input_size=HEIGHT)
    (tmp_path / 'model.onnx').unlink()
    predictor = opened(tmp_path, 'auto')
    assert predictor.identity.backend == 'openvino'
    found = predictor.predict(picture()).values
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=1e-5)
    with pytest.raises(
        BackendError, match=r"onnxruntime cannot read '.*model.xml'; it reads: .onn"
    ):
        opened(tmp_path, 'onnxruntime')
    (tmp_path / 'model.bin').unlink()
    with pytest.raises(CheckpointError, match="lacks its weights: no file 'model.bin'"):
        opened(tmp_path, 'auto')


def test_a_network_of_integers_equals_onnx_runtime_alone(tmp_path, library):
    ort = pytest.importorskip('onnxruntime')
    from onnxruntime.quantization import QuantType, quantize_dynamic

    write_grey(tmp_path / 'float.onnx')
    quantize_dynamic(
        tmp_path / 'float.onnx', tmp_path / 'model.onnx', weight_type=QuantType.QUInt8
    )
    rgb = picture()
    session = ort.InferenceSession(str(tmp_path / 'model.onnx'))
    pixels = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None] / np.float32(255), np.float32)
    expected = session.run(None, {'pixels': pixels})[0][0, 0]
    found = at_own_size(tmp_path, library)
    np.testing.assert_allclose(found, expected, atol=2e-2 if library == 'openvino' else 1e-5)


@pytest.mark.parametrize(
    ('written', 'changes', 'message'),
    [
        ({'inputs': ('pixels', 'focal')}, {}, r'reads 2 \(pixels float32 .*one image is needed'),
        ({'outputs': ('a', 'b')}, {}, "gives 2 .*key 'output.name' must name one of them"),
        ({'outputs': ('a', 'b')}, {'output_name': 'c'}, "gives no 'c', .*; it gives: a, b"),
        ({'shape': (1, 3, 48, 'w')}, {}, 'of which one side is fixed only'),
        ({'shape': (2, 3, 48, 64)}, {}, 'reads pixels float32 2×3×48×64; one image 1×3×H×W'),
        (
            {'shape': (1, 3, 48, 64)},
            {},
            r"'grey' reads 48×64 .*; its contract says resize shorter_side to 32, multiples of 8",
        ),
        (
            {'shape': (1, 3, 48, 64)},
            {'input_resize': 'stretch', 'input_size': [64, 48]},
            r'resize stretch to \(64, 48\)',
        ),
    ],
)  # fmt: skip
def test_a_network_other_than_its_contract_is_refused(
    tmp_path, library, written, changes, message
):
    write_grey(tmp_path / 'model.onnx', **written)
    with pytest.raises(BackendError, match=message):
        opened(write_folder(tmp_path, **changes), library)


def test_the_output_that_is_named_is_taken(tmp_path, library):
    write_grey(tmp_path / 'model.onnx', outputs=('a', 'b'))
    found = at_own_size(tmp_path, library, output_name='b')
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=1e-5)


@pytest.mark.parametrize('shape', [(1, 3, 48, 64), (1, 3, 'h', 'w'), (1, 48, 64, 3)])
def test_an_output_of_several_numbers_a_pixel_is_refused_at_once(tmp_path, library, shape):
    write_identity(tmp_path / 'model.onnx', shape)
    with pytest.raises(BackendError, match='gives values float32 1×.*; 1×1×H×W, .* are needed'):
        opened(write_folder(tmp_path, input_size=HEIGHT), library)


def test_several_networks_of_one_size_are_refused(tmp_path, library):
    write_folder(tmp_path, files={'model.onnx': None, 'other.onnx': None})
    shutil.copy(tmp_path / 'model.onnx', tmp_path / 'other.onnx')
    with pytest.raises(BackendError, match="several networks of one size: .*key 'files'"):
        opened(tmp_path, library)


def _truncated(path):
    path.write_bytes(path.read_bytes()[:40])


def _without_weights(path):
    write_grey(path, external=True)
    path.with_name('model.onnx.data').unlink()


@pytest.mark.parametrize(
    'damage', [_truncated, _without_weights, lambda path: write_grey(path, opset=99)],
    ids=['truncated', 'without weights', 'opset too new'],
)  # fmt: skip
@pytest.mark.parametrize('name', ['auto', *LIBRARIES])
def test_a_damaged_file_is_an_error_in_one_line(tmp_path, name, damage):
    if name != 'auto':
        pytest.importorskip(name)
    folder = write_folder(tmp_path)
    damage(folder / 'model.onnx')
    try:
        prediction = opened(folder, name).predict(picture())
    except DepthAnythingError as error:
        assert str(folder / 'model.onnx') in str(error)
        assert '\n' not in str(error)
        assert len(str(error)) < 600
    else:  # what a library can read of a later opset has to be right
        assert 'opset' in str(damage.__code__.co_consts)
        np.testing.assert_allclose(prediction.values.mean(), BIAS + 0.5 * WEIGHTS.sum(), atol=0.05)


def test_what_both_libraries_say_is_said_once(tmp_path):
    pytest.importorskip('openvino')
    write_grey(tmp_path / 'model.onnx', outputs=('a', 'b'))
    with pytest.raises(BackendError) as caught:
        opened(write_folder(tmp_path), 'auto')
    assert str(caught.value).count("key 'output.name' must name one of them") == 1


@pytest.mark.parametrize('device', ['cuda', 'tensorrt'])
def test_a_gpu_that_is_not_there_is_refused_with_what_to_install(tmp_path, device):
    pytest.importorskip('onnxruntime')
    with pytest.raises(BackendError, match='no backend can run here as asked: onnxruntime .*: '):
        opened(write_folder(tmp_path), 'auto', device=device)


def test_a_file_on_tensorrt_has_an_engine_for_each_size_in_the_cache(tmp_path, made_gpu):
    folder = write_folder(tmp_path / 'grey', input_size=HEIGHT)
    options = {'device': 'tensorrt', 'precision': 'fp16', 'cache_dir': str(tmp_path / 'cache')}
    predictor = opened(folder, **options)
    assert not made_gpu.built  # what it reads is checked before an engine takes minutes
    found = predictor.predict(picture()).values
    np.testing.assert_allclose(found, grey(picture() / 255.0), atol=1e-5)
    (engine,) = made_gpu.built
    assert engine.is_relative_to(tmp_path / 'cache')
    told = made_gpu.options('TensorrtExecutionProvider')
    assert told['trt_profile_opt_shapes'] == f'pixels:1x3x{HEIGHT}x{WIDTH}'
    assert (predictor.identity.backend, predictor.identity.device) == ('onnxruntime', 'tensorrt')
    opened(folder, **options).predict(picture())
    assert len(made_gpu.built) == 1
    predictor.predict(np.zeros((HEIGHT, 2 * WIDTH, 3), np.uint8))
    assert len(made_gpu.built) == 2
    assert sorted(path.name for path in folder.iterdir()) == ['model.onnx', 'network.json']


def test_a_file_on_cuda_in_fp16_is_made_over_in_the_cache(tmp_path, made_gpu):
    write_random(tmp_path / 'model.onnx')
    folder = write_folder(tmp_path, input_size=HEIGHT)
    exact = opened(folder).predict(picture()).values
    cache = tmp_path / 'cache'
    half = opened(folder, device='cuda', precision='fp16', cache_dir=str(cache))
    error = np.abs(half.predict(picture()).values - exact).max() / np.ptp(exact)
    assert 1e-6 < error < 1e-2
    assert set(made_gpu.memory) == {('cuda', 0)}
    assert len(list(cache.glob('model-cuda-*/network.onnx'))) == 1


def test_a_file_is_made_over_anew_by_another_version_of_this_package(
    tmp_path, made_gpu, monkeypatch
):
    write_random(tmp_path / 'model.onnx')
    folder = write_folder(tmp_path, input_size=HEIGHT)
    options = {'device': 'cuda', 'precision': 'fp16', 'cache_dir': str(tmp_path / 'cache')}
    for version in ('old', 'new', 'new'):
        monkeypatch.setattr(onnx_file, 'source_digest', lambda version=version: version)
        opened(folder, **options)
    assert len(list((tmp_path / 'cache').glob('model-cuda-*/network.onnx'))) == 2


def test_auto_takes_a_gpu_on_which_the_library_computes(tmp_path, made_gpu):
    predictor = opened(write_folder(tmp_path), 'auto', precision='auto')
    assert predictor.selection == Selection('onnxruntime', Precision.FP16, 'cuda')


def test_auto_says_why_a_gpu_is_not_used(tmp_path, monkeypatch, caplog):
    MadeGpu(loads=('CPUExecutionProvider',)).take_place(monkeypatch)
    assert opened(write_folder(tmp_path), 'auto').selection.device == 'cpu'
    assert 'this computer has a GPU, which is not used: onnxruntime' in caplog.text


def test_numbers_that_are_not_finite_in_fp32_are_those_of_the_network(tmp_path):
    write_grey(tmp_path / 'model.onnx', dtype='float16')
    with pytest.raises(BackendError, match='not finite, in fp32; the network itself gives them'):
        at_own_size(tmp_path, 'onnxruntime', input_std=[1e-30] * 3)


@pytest.mark.parametrize(('upsampling', 'first'), [('align_corners', 0.0), ('half_pixel', 1.5)])
def test_depth_is_laid_on_the_image_as_the_contract_says(tmp_path, upsampling, first):
    # From 8 to 32 columns: the centre of the first pixel lies on column 0, or on (4 - 1) / 2.
    folder = write_folder(tmp_path, output_upsampling=upsampling)
    raw = np.tile(np.arange(8, dtype=np.float32), (6, 1))
    found = opened(folder).postprocess(raw, (24, 32)).values[10]
    last = 31 - first
    columns = np.clip(np.arange(32), first, last)
    np.testing.assert_allclose(found, (columns - first) / (last - first) * 7, atol=1e-5)


def test_torch_cannot_run_a_file(tmp_path):
    with pytest.raises(
        UnknownNameError, match="backend 'torch' cannot run this; allowed: auto, o"
    ):
        opened(write_folder(tmp_path), 'torch')


def test_random_weights_and_a_folder_exclude_each_other(tmp_path):
    with pytest.raises(ConfigError, match=r"'weights' \(random\) and 'checkpoint' \(.*exclude"):
        opened(write_folder(tmp_path), weights='random')


def test_negative_threads_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='threads -1 is negative'):
        opened(write_folder(tmp_path), threads=-1)


def test_what_is_no_plane_of_numbers_is_refused(tmp_path):
    write_grey(tmp_path / 'model.onnx', (1, 3, 1, 64))
    folder = write_folder(tmp_path, input_resize='stretch', input_size=[1, 64], input_multiple=1)
    with pytest.raises(BackendError, match='the network gave 1×1×1×64 values; 1×1×H×W, '):
        opened(folder).predict(picture())
