"""Inputs that failed once, where they lie beside the project: pictures, bags, units."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from depth_anything_ros.bag import BagReader, BagWriter
from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets import warning_of

# What the pictures hold, whatever they are stored as: name → who has the same pixels.
LOSSLESS = ('01_plain', '03_rgba', '05_rgb16', '15_bmp')
SAME_JPEG = ('10_exif1', '10_exif2', '10_exif3', '10_exif6', '10_exif8', '13_upper_JPG')
OTHERS = ('02_gray8', '04_rgba_transparent', '06_gray16', '07_palette', '08_cmyk_jpeg', '14_webp')
OWN_SIZE = {'16_1xN': (1, 320), '17_pano4000x200': (200, 4000), '18_black': (240, 320)}
REFUSED = {
    '20_depth_8bit': 'one channel of uint16 needed',
    '21_depth_3ch16': 'one channel of uint16 needed',
    '22_truncated_jpeg': 'ends early',
}
UNITS = {'23_tum5000': 'tum', '24_kitti256': 'kitti'}


def sample(cases, name, options=''):
    (found,) = list(parse_data(f'rgbd_folder:{cases / "images" / name}{options}', 'all'))
    return found


def test_every_case_is_expected_somewhere(cases):
    known = {*LOSSLESS, *SAME_JPEG, *OTHERS, *OWN_SIZE, *REFUSED, *UNITS}
    known |= {'09_jpeg', '19_depth_all_zero'}
    assert {folder.name for folder in (cases / 'images').iterdir()} == known


@pytest.mark.parametrize('name', [*LOSSLESS, *SAME_JPEG, *OTHERS])
def test_the_same_scene_is_the_same_sample(cases, name):
    twin = sample(cases, '09_jpeg' if name in SAME_JPEG else '01_plain')
    found = sample(cases, name)
    np.testing.assert_array_equal(found.depth_m, twin.depth_m)
    assert found.rgb.shape == twin.rgb.shape
    if name not in OTHERS:
        assert np.abs(found.rgb.astype(int) - twin.rgb).max() <= 1


@pytest.mark.parametrize(('name', 'size'), OWN_SIZE.items())
def test_unusual_sizes_are_read(cases, name, size):
    found = sample(cases, name)
    assert found.rgb.shape[:2] == found.depth_m.shape == size


def test_depth_of_zeros_is_all_unknown(cases):
    assert not sample(cases, '19_depth_all_zero').valid.any()


@pytest.mark.parametrize(('name', 'words'), REFUSED.items())
def test_what_is_damaged_or_no_depth_is_refused(cases, name, words):
    with pytest.raises(DatasetError, match=words):
        sample(cases, name)


@pytest.mark.parametrize(('name', 'unit'), UNITS.items())
def test_units_are_warned_of_and_can_be_told(cases, name, unit):
    dataset = parse_data(f'rgbd_folder:{cases / "images" / name}', 'all')
    assert f"',unit={unit}' (0.8 m)" in warning_of(dataset)
    told, plain = sample(cases, name, f',unit={unit}'), sample(cases, '01_plain')
    np.testing.assert_allclose(told.depth_m, plain.depth_m, atol=1 / 256)


def evaluate(word, answer, *more):
    code = main(
        ['evaluate', '--model', 'tiny', '--backend', 'torch', '--input-size', '96',
         '--data', word, '--json', str(answer), *more]
    )  # fmt: skip
    (data,) = json.loads(answer.read_text())['data']
    return code, {**data, **data['models']['tiny']}


@pytest.mark.parametrize('name', ['10_exif3', '10_exif6'])
def test_turned_pictures_score_as_those_that_are_not(cases, name, tmp_path):
    scores = [
        evaluate(f'rgbd_folder/all:{cases / "images" / case}', tmp_path / 'answer.json')[1]
        for case in ('09_jpeg', name)
    ]
    assert scores[0]['metrics'] == scores[1]['metrics']
    assert scores[0]['images'] == scores[1]['images'] == 1


def damaged_copy(cases, folder: Path) -> Path:
    """Copy the compressed bag with its fourth image and seventh depth image cut in half."""
    with BagReader(cases / 'compressed_both') as reader, BagWriter(folder) as writer:
        counts: dict[str, int] = {}
        for message in reader.messages():
            number = counts[message.topic] = counts.get(message.topic, 0) + 1
            cdr = message.cdr
            ends = message.topic.rpartition('/')[2]
            if (ends, number) in (('compressed', 4), ('compressedDepth', 7)):
                picture = message.deserialize()
                data = picture.data[: len(picture.data) // 2]
                stamp = picture.header.stamp
                header = {
                    'stamp': {'sec': stamp.sec, 'nanosec': stamp.nanosec},
                    'frame_id': picture.header.frame_id,
                }
                fields = {'header': header, 'format': picture.format, 'data': data}
                writer.write(message.topic, message.type_name, fields, message.log_time_ns)
            else:
                writer.write_cdr(message.topic, message.type_name, cdr, message.log_time_ns)
    return folder


def test_compressed_images_and_depth_are_read(cases, tmp_path):
    code, data = evaluate(f'bag:{cases / "compressed_both"}', tmp_path / 'answer.json')
    assert (code, data['images'], data['failed']) == (0, 12, 0)
    assert 0 < data['metrics']['abs_rel'] < 0.3


def test_damaged_pictures_of_a_bag_fail_alone_and_by_name(cases, tmp_path):
    bag = damaged_copy(cases, tmp_path / 'bag')
    code, data = evaluate(f'bag:{bag}', tmp_path / 'answer.json')
    assert (code, data['images'], data['failed']) == (0, 12, 2)
    whole = evaluate(f'bag:{cases / "compressed_both"}', tmp_path / 'answer.json')[1]
    assert data['metrics']['abs_rel'] == pytest.approx(whole['metrics']['abs_rel'], rel=0.1)
    named = [warning for warning in data['warnings'] if 'ends early' in warning]
    assert len(named) == 2
    assert all(f'{bag}' in warning and 'sample bag/' in warning for warning in named)


def test_damaged_pictures_are_counted_by_score(cases, tmp_path, capsys):
    bag = damaged_copy(cases, tmp_path / 'bag')
    out = tmp_path / 'out'
    arguments = ['--data', f'bag:{bag}', '--out', str(out), '--jobs', '1']
    assert main(['score', *arguments]) == 0
    rows = (out / 'samples.csv').read_text().splitlines()[1:]
    assert len(rows) == 12
    assert sum('ends early' in row for row in rows) == 2
    assert capsys.readouterr().err.count('ends early') == 2
    assert len((out / 'kept.txt').read_text().split()) < 12 * 2


def test_training_replaces_damaged_pictures_the_same_way_each_time(cases, tmp_path):
    from depth_anything_ros.lab.training.data import DatasetSource

    bag = damaged_copy(cases, tmp_path / 'bag')

    def batches():
        dataset = parse_data(f'bag:{bag}')
        source = DatasetSource(dataset, 48, 64, 4, (0.5,) * 3, (0.25,) * 3, None, seed=3)
        return [source.batch(step) for step in range(3)]

    first, again = batches(), batches()
    skipped = {message for batch in first for message in batch.skipped}
    assert len(skipped) == 2
    assert all('ends early' in message for message in skipped)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.depth_m, other.depth_m)
    assert all(np.isfinite(batch.depth_m.numpy()).any() for batch in first)


def test_a_bag_without_metadata_is_read_from_its_only_file(cases, tmp_path):
    shutil.copytree(cases / 'compressed_both', tmp_path / 'bag')
    (tmp_path / 'bag').chmod(0o755)
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    whole = parse_data(f'bag:{cases}/compressed_both')
    assert len(parse_data(f'bag:{tmp_path}/bag')) == len(whole)
