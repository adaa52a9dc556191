"""What is found to predict, and names that lose nothing."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.prediction.sources import Kind, find_sources

DOT = np.zeros((1, 1, 3), np.uint8)


def touch(folder: Path, *names: str):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(cv2.imencode('.png', DOT)[1].tobytes())


def found(folder, *words, out='out'):
    notes = []
    sources = find_sources([str(folder / word) for word in words], folder / out, notes.append)
    return {Path(one.place).relative_to(folder).as_posix(): one.name for one in sources}, notes


def test_folders_are_searched_to_the_bottom_and_keep_their_shape(tmp_path):
    touch(tmp_path, 'in/b.png', 'in/a b/ü.JPG', 'in/a b/clip.mp4', 'in/.hidden.png', 'in/.x/a.png')
    touch(tmp_path, 'in/notes.txt', 'in/README', 'in/phone.heic')
    sources, notes = found(tmp_path, 'in')
    assert sources == {
        'in/b.png': 'b', 'in/phone.heic': 'phone', 'in/a b/clip.mp4': 'a b/clip',
        'in/a b/ü.JPG': 'a b/ü',
    }  # fmt: skip
    assert notes == [
        f"left out of '{tmp_path / 'in'}', as no pictures or videos: 1 README, 1 .txt"
    ]


def test_results_inside_the_folder_are_no_inputs_of_the_next_run(tmp_path):
    touch(tmp_path, 'in/a.png', 'in/depth/a_depth.png')
    sources, _ = found(tmp_path, 'in', out='in/depth')
    assert list(sources) == ['in/a.png']
    with pytest.raises(DatasetError, match='would lie among the inputs'):
        found(tmp_path, 'in', out='in/../in')


def test_two_of_one_name_lose_nothing(tmp_path):
    touch(tmp_path, 'a/x.png', 'b/x.jpg', 'b/y.png', 'c/x.png', 'c/Y.png')
    sources, _ = found(tmp_path, 'a/x.png', 'b/x.jpg', 'b/y.png', 'c/x.png', 'c/Y.png')
    assert sources == {
        'a/x.png': 'a/x', 'b/x.jpg': 'x_jpg', 'b/y.png': 'b/y', 'c/x.png': 'c/x', 'c/Y.png': 'c/Y',
    }  # fmt: skip
    touch(tmp_path, 'd/e/x.png', 'f/e/x.png')
    sources, _ = found(tmp_path, 'd/e/x.png', 'f/e/x.png')
    assert sorted(sources.values()) == ['e/x_png', 'e/x_png_2']


def test_the_same_file_twice_is_predicted_once(tmp_path):
    touch(tmp_path, 'in/a.png')
    (tmp_path / 'link.png').symlink_to('in/a.png')
    sources, _ = found(tmp_path, 'in', 'in/a.png', 'in/../in/a.png', 'link.png')
    assert sources == {'in/a.png': 'a'}


def test_a_file_without_an_ending_is_known_by_how_it_starts(tmp_path):
    touch(tmp_path, 'picture')
    (tmp_path / 'other').write_bytes(b'no picture')
    sources = find_sources(
        [str(tmp_path / name) for name in ('picture', 'other')], tmp_path, print
    )
    assert [one.kind for one in sources] == [Kind.PICTURE, Kind.VIDEO]


def test_a_number_is_a_camera_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (source,) = find_sources(['0'], Path('out'), print)
    assert (source.place, source.kind, source.name) == ('0', Kind.CAMERA, 'camera0')
    touch(tmp_path, '0')
    (source,) = find_sources(['0'], Path('out'), print)
    assert source.kind is Kind.PICTURE


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['nothing.png'], "no file or folder '.*nothing.png'"),
        (['empty'], 'holds no picture or video; it is empty'),
        (['texts'], r'holds no picture or video; it holds 1 \.txt'),
        (['bag'], 'is a bag; `depth_anything_ros record`'),
        (['a.mcap'], 'is a bag'),
    ],
)
def test_what_cannot_be_predicted_is_told_at_once(tmp_path, words, told):
    (tmp_path / 'empty').mkdir()
    touch(tmp_path, 'texts/a.txt', 'bag/metadata.yaml', 'a.mcap')
    with pytest.raises(DatasetError, match=told):
        found(tmp_path, *words)


def test_a_pipe_a_loop_and_a_device_are_told_as_what_they_are(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'loop').symlink_to('loop')
    for word in (tmp_path / 'pipe', '/dev/zero'):
        with pytest.raises(DatasetError, match='neither a file, nor a folder, nor a camera'):
            find_sources([str(word)], tmp_path / 'out', print)
    with pytest.raises(DatasetError, match="loop' cannot be read: Too many levels"):
        find_sources([str(tmp_path / 'loop')], tmp_path / 'out', print)
    with pytest.raises(DatasetError, match='cannot be read: File name too long'):
        find_sources(['x' * 300], tmp_path / 'out', print)


def test_an_empty_word_is_not_the_current_folder(tmp_path, monkeypatch):
    touch(tmp_path, 'a.png')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match='an input is empty'):
        find_sources([''], tmp_path / 'out', print)


def test_an_ending_that_tells_nothing_apart_is_left_out(tmp_path):
    touch(tmp_path, 'a/x/s.png', 'b/x/s.png')
    sources, _ = found(tmp_path, 'a', 'b')
    assert sources == {'a/x/s.png': 'a/x/s', 'b/x/s.png': 'b/x/s'}
    touch(tmp_path, 'a/x/s.jpg', 'b/x/s.jpg')
    sources, _ = found(tmp_path, 'a', 'b')
    assert sorted(sources.values()) == ['a/x/s_jpg', 'a/x/s_png', 'b/x/s_jpg', 'b/x/s_png']
