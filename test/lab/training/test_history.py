import csv
import math

import pytest
import torch

from depth_anything_ros.lab.training.history import History

CPU = torch.device('cpu')


def history(rows: int = 2) -> History:
    """Return a curve of one term, two steps a row, with thirds that no short decimal holds."""
    made = History(['loss'], CPU)
    for row in range(rows):
        made.add(torch.tensor(2.0), torch.tensor([1 / 3 + row]))
        made.add(torch.tensor(4.0), torch.tensor([2 / 3 + row]))
        scores = (0.1 + row, 0.9) if row else None
        made.close_row(2 * row + 2, 8 * (row + 1), 1e-3 / 3, scores)
    return made


def test_rows_are_means_since_the_last_row():
    made = history()
    assert made.columns == (
        'step', 'samples', 'learning_rate', 'gradient_norm', 'loss', 'val_abs_rel', 'val_delta1'
    )  # fmt: skip
    assert made.rows[1] == pytest.approx([4, 16, 1e-3 / 3, 3, 1.5, 1.1, 0.9])
    assert made.rows[0][:5] == pytest.approx([2, 8, 1e-3 / 3, 3, 0.5])
    assert all(math.isnan(score) for score in made.rows[0][5:])


def test_csv_holds_every_number_exactly(tmp_path):
    made = history()
    made.write_csv(tmp_path / 'loss.csv')
    with (tmp_path / 'loss.csv').open() as file:
        header, *lines = csv.reader(file)
    assert tuple(header) == made.columns
    assert lines[0][:2] == ['2', '8']
    assert lines[0][5:] == ['', '']
    assert [float(cell) for cell in lines[1]] == made.rows[1]


def test_appending_gives_the_file_that_writing_gives(tmp_path):
    history(2).write_csv(tmp_path / 'appended.csv')
    history(3).append_csv(tmp_path / 'appended.csv')
    history(3).write_csv(tmp_path / 'written.csv')
    assert (tmp_path / 'appended.csv').read_bytes() == (tmp_path / 'written.csv').read_bytes()


def test_state_carries_rows_and_the_unfinished_one():
    first, second = history(), History(['loss'], CPU)
    first.add(torch.tensor(2.0), torch.tensor([5.0]))
    second.load_state(first.state())
    for made in (first, second):
        made.add(torch.tensor(4.0), torch.tensor([6.0]))
        assert made.close_row(6, 24, 0.0, (0.0, 1.0)) == [6, 24, 0, 3, 5.5, 0, 1]
    assert second.rows[1:] == first.rows[1:]


def test_not_a_number_is_noticed():
    made = history()
    assert made.finite()
    made.add(torch.tensor(1.0), torch.tensor([torch.inf]))
    assert not made.finite()


def test_plot_is_drawn_with_and_without_validation(tmp_path):
    for rows in (1, 2):
        history(rows).write_plot(tmp_path / 'loss.png')
        assert (tmp_path / 'loss.png').read_bytes().startswith(b'\x89PNG')
    assert not list(tmp_path.glob('.*'))
