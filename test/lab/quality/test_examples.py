import cv2
import made_data

from depth_anything_ros.lab.datasets.origin import Origin
from depth_anything_ros.lab.quality.examples import choose_examples, write_examples
from depth_anything_ros.lab.quality.run import score_samples
from depth_anything_ros.lab.quality.scores import ScoreConfig
from depth_anything_ros.lab.quality.selection import ScoredSample, SelectionConfig, select

CONFIG = ScoreConfig()


def scored(count):
    entries = score_samples(Origin(f'a:{count}', made_data.open_made), range(count), CONFIG)
    rows = [
        ScoredSample('a', index, entry.name, '', entry.score, entry.failure)
        for index, entry in enumerate(entries)
    ]
    return select(rows, SelectionConfig())


def test_examples_are_the_extremes_of_their_scores():
    rows = scored(20)
    judged = [row for row in rows if row.name not in ('005', '007')]
    chosen = choose_examples(rows, 2)
    assert [kind for kind, _ in chosen] == [
        'best', 'best', 'worst distribution', 'worst distribution',
        'worst gradient', 'worst gradient',
    ]  # fmt: skip
    assert chosen[0][1].score.total == max(row.score.total for row in judged)
    assert chosen[2][1].score.distribution == min(row.score.distribution for row in judged)
    assert chosen[4][1].score.gradient == min(row.score.gradient for row in judged)
    assert chosen[3][1] != chosen[2][1]


def test_picture_has_a_row_for_each_example(tmp_path):
    dataset, rows = made_data.MadeDataset('a', 20), scored(20)
    heights = []
    for count in (1, 2):
        assert write_examples(tmp_path / 'x.png', dataset, rows, CONFIG, count)
        heights.append(cv2.imread(str(tmp_path / 'x.png')).shape[0])
    assert heights[1] == 2 * heights[0]


def test_example_that_cannot_be_read_any_more_is_left_out(tmp_path):
    rows = [row for row in scored(10) if row.index != 7]
    # Number 7 is the one that cannot be read.
    moved = [ScoredSample('a', 7, row.name, '', row.score) for row in rows]
    assert not write_examples(tmp_path / 'x.png', made_data.MadeDataset('a', 10), moved, CONFIG)
    assert not (tmp_path / 'x.png').exists()
