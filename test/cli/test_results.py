"""The page of results: how it is made, and that the one in the documents still holds."""

import re
from pathlib import Path

import pytest

from depth_anything_ros.cli import results
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.evaluation import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'results.md'
RGBD = ROOT.parent / 'shared' / 'rgbd'
REAL = '## Real frames'
NUMBER = re.compile(r'(?<![\w.])-?\d+(?:\.\d+)?(?!\w)')


def disagreements(found, expected):
    """
    Return the lines of two pages that tell of different things.

    Words and whole numbers are equal, others within what the page says of processors.
    """
    lines, others = found.splitlines(), expected.splitlines()
    if len(lines) != len(others):
        return [f'{len(lines)} lines for {len(others)}']
    return [f'{a} | {b}' for a, b in zip(lines, others, strict=True) if not _alike(a, b)]


def _alike(line, other):
    if NUMBER.sub('#', line) != NUMBER.sub('#', other):
        return False
    return all(
        abs(float(a) - float(b)) <= results.ABSOLUTE + results.RELATIVE * abs(float(b))
        if '.' in a and '.' in b
        else a == b
        for a, b in zip(NUMBER.findall(line), NUMBER.findall(other), strict=True)
    )


@pytest.mark.parametrize(
    ('found', 'expected', 'different'),
    [
        ('| fp16 | 0.113 | 3 |', '| fp16 | 0.114 | 3 |', 0),
        ('| fp16 | 0.113 | 3 |', '| fp16 | 0.115 | 3 |', 1),
        ('| fp16 | 15.90 |', '| fp16 | 15.98 |', 0),
        ('| fp16 | 3 |', '| fp16 | 4 |', 1),
        ('| fp16 | 0.113 |', '| fp32 | 0.113 |', 1),
        ('| prune(0.2) |', '| prune(0.3) |', 1),
        ('| – |', '| 0.1 |', 1),
        ('a\nb', 'a', 1),
    ],
)
def test_pages_agree_where_words_are_equal_and_numbers_close(found, expected, different):
    assert len(disagreements(found, expected)) == different


def test_every_recipe_has_a_chain():
    chains = [parse_chain(chain) for chain in shipped.recipe_chains()]
    assert [type(recipe) for (recipe,) in chains] == [RECIPES[name] for name in RECIPES]


def test_the_page_has_a_table_for_each_model_and_a_row_for_each_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(results, 'SIMULATED', 'simulator/2:1:1:64x48')
    monkeypatch.setattr(shipped, 'recipe_chains', lambda: ['fp16'])
    out = tmp_path / 'results.md'
    assert main(['results', '--out', str(out), '--jobs', '1']) == 0
    text = out.read_text()
    tables = text.split('\n### ')[1:]
    assert [table.partition('\n')[0] for table in tables] == [
        'tiny: simulated rooms', 'tiny_sdt_lite: simulated rooms',
    ]  # fmt: skip
    for table in tables:
        rows = [line.split(' | ') for line in table.splitlines() if line.startswith('| ')]
        assert [row[0] for row in rows] == ['| recipe', '| ---', '| as shipped', '| fp16']
        assert rows[2][1:6] == rows[3][1:6]
        assert 0.01 < float(rows[2][2]) < 1
    assert REAL not in text


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """Return the page as the code makes it here, with real frames where there are any."""
    out = tmp_path_factory.mktemp('results') / 'results.md'
    real = ['--real', str(RGBD)] if (RGBD / 'index.json').is_file() else []
    assert main(['results', '--out', str(out), *real]) == 0
    return out.read_text()


# On a busy machine, where it takes many times as long as alone.
@pytest.mark.timeout(1800)
@pytest.mark.slow
def test_the_page_of_the_documents_holds_on_simulated_rooms(page):
    found, expected = (text.partition(REAL)[0] for text in (page, PAGE.read_text()))
    assert disagreements(found, expected) == []


@pytest.mark.timeout(1800)
@pytest.mark.slow
def test_the_page_of_the_documents_holds_on_real_frames(rgbd, page):
    found, expected = (text.partition(REAL)[2] for text in (page, PAGE.read_text()))
    assert disagreements(found, expected) == []
