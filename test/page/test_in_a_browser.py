"""Pages as people see them: in a real browser, on a telephone and on a screen."""

import numpy as np
import pytest
from browser import browsing

from depth_anything_ros.cli.main import main
from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.page.axis import Axis
from depth_anything_ros.page.chart import Chart, Mark, Series, Shape
from depth_anything_ros.page.parts import (
    Bar,
    Bars,
    Charts,
    Facts,
    Figure,
    Fold,
    Grid,
    Note,
    Page,
    Section,
)
from depth_anything_ros.page.writer import write_page
from depth_anything_ros.table import Table
from depth_anything_ros.types import Camera, OutputKind

EVIL = '<script>window.evil = 1</script>\'"><img src=x onerror="window.evil = 1">'
ROWS = [['b', 10.0, '–'], ['a', 9.0, '2'], ['c', None, '10'], ['d', -1.5, '3']]
LONG = 'a_name_without_any_place_to_break_it_' * 4
TIME = np.arange(5.0)


def every_part():
    line = Series(EVIL, TIME, np.array([1.0, 2.0, np.nan, 4.0, 5.0]))
    other = Series('other', TIME, TIME, Shape.DOTS, 1)
    bars = Series('frames', np.arange(6.0), TIME, Shape.BARS)
    return Page(
        title=f'Page of {LONG}',
        lead=EVIL,
        warnings=[EVIL, LONG],
        figures=[Figure('0.12', 'abs_rel', EVIL), Figure(LONG[:40], 'long')],
        sections=[
            Section('Tables', [Grid(Table(['name', 'value', LONG], ROWS), EVIL), Note(LONG)]),
            Section('Charts', [Charts([
                Chart(EVIL, Axis('time', 's'), Axis('error', 'm'), [line, other],
                      [Mark('p50', 3.0)]),
                Chart('bars', Axis('latency', 'ms'), Axis('frames', start=0.0), [bars]),
            ])]),
            Section('Bars', [Bars('stages', 'p50', 'ms', [Bar(LONG, 3.0, {'p95': 4.0})])]),
            Section('More', [Fold('folded', [Facts({EVIL: LONG, 'number': 0.5})])]),
            Section('Nothing', []),
        ],
    )  # fmt: skip


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp('browser')) as opened:
        yield opened


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp('page') / 'page.html'
    write_page(path, every_part())
    return path


@pytest.fixture(scope='module')
def run_page(tmp_path_factory):
    """Return the page of a run of three frames, two seconds apart."""
    folder = tmp_path_factory.mktemp('run')
    run = RunEvaluation(EvaluatorConfig(output_dir=str(folder), picture_every=1))
    run.set_camera(Camera(32, 24, 30.0, 30.0, 15.5, 11.5))
    truth_m = np.linspace(1.0, 4.0, 32 * 24, dtype=np.float32).reshape(24, 32)
    for index in range(3):
        stamp_ns = index * 2 * 10**9 + 1
        run.add_sent(stamp_ns, stamp_ns, np.full((24, 32, 3), 128, np.uint8))
        run.add_truth(stamp_ns, truth_m)
        depth_m = truth_m * np.float32(1.1 + 0.1 * index)
        run.add_prediction(stamp_ns, stamp_ns + 10**7, OutputKind.METRIC_DEPTH, depth_m)
        run.add_scale(stamp_ns, 0.1, 0.0)
    run.save()
    return folder / 'report.html'


@pytest.fixture(scope='module')
def evaluated(tmp_path_factory):
    """Return the page of an evaluation of four simulated rooms."""
    out = tmp_path_factory.mktemp('evaluated')
    words = ['--model', 'tiny', '--backend', 'torch', '--data', 'simulator:7:4:64x48']
    assert main(['evaluate', *words, '--out', str(out)]) == 0
    return out / 'report.html'


@pytest.mark.parametrize('width', [390, 1280])
def test_a_page_fits_the_window_says_nothing_and_asks_for_nothing(browser, page, width):
    browser.open(page, width, dark=width == 390)
    assert browser.problems() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.overflow_px() <= 0
    assert browser.texts('h2') == ['Tables', 'Charts', 'Bars', 'More']


def test_no_name_becomes_code(browser, page):
    browser.open(page)
    assert browser.run('return window.evil') is None
    assert browser.texts('.lead') == [EVIL]
    assert browser.texts('figcaption')[0] == EVIL


@pytest.mark.parametrize('width', [390, 1280])
def test_the_page_of_a_run_fits_says_nothing_and_asks_for_nothing(browser, run_page, width):
    browser.open(run_page, width, dark=width == 1280)
    assert browser.problems() == []
    # Pictures beside the page are asked for when they come near the window.
    folder = run_page.parent.as_uri()
    assert all(address.startswith(folder) for address in browser.requests())
    assert browser.overflow_px() <= 0
    assert browser.texts('h3') == ['Frame 2', 'Frame 1', 'Frame 0']
    panels = 'return [...document.querySelectorAll(".panel img")].map((e) => e.naturalWidth)'
    # Image, prediction, truth and error; two clouds.
    assert browser.run(panels) == 3 * [32, 32, 32, 32, 400, 400]


@pytest.mark.parametrize('width', [390, 1280])
def test_the_page_of_data_sets_shows_its_worst_and_best_images(browser, evaluated, width):
    browser.open(evaluated, width)
    assert browser.problems() == []
    assert browser.overflow_px() <= 0
    assert browser.texts('h2')[1:3] == ['Worst images', 'Best images']
    panels = 'return [...document.querySelectorAll(".panel img")].map((e) => e.naturalWidth)'
    assert browser.run(panels) == 4 * [64, 64, 64, 64, 400, 400]


def column(browser, place):
    return browser.texts(f'tbody td:nth-child({place + 1})')


@pytest.mark.parametrize(
    ('place', 'up', 'down'),
    [
        (0, ['a', 'b', 'c', 'd'], ['d', 'c', 'b', 'a']),
        (1, ['-1.5', '9', '10', '–'], ['10', '9', '-1.5', '–']),
        (2, ['2', '3', '10', '–'], ['10', '3', '2', '–']),
    ],
)
def test_a_heading_sorts_by_its_column_with_a_click_or_a_key(browser, page, place, up, down):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    assert column(browser, 0) == ['b', 'a', 'c', 'd']
    heading = browser.driver.find_elements('css selector', 'th button')[place]
    heading.click()
    assert column(browser, place) == up
    heading.send_keys(Keys.ENTER)
    assert column(browser, place) == down
    assert (
        browser.run('return [...document.querySelectorAll("th")].map((e) => e.ariaSort)')[place]
        == 'descending'
    )


def reading(browser):
    return browser.texts('.reading > *')


def test_the_pointer_reads_the_numbers_of_a_chart(browser, page):
    from selenium.webdriver import ActionChains

    browser.open(page)
    plots = browser.driver.find_elements('css selector', '.plot')
    ActionChains(browser.driver).move_to_element(plots[0]).perform()
    # In the middle the first series has no number.
    assert reading(browser) == ['time 2 s', 'other: 2 m']
    ActionChains(browser.driver).move_to_element(plots[1]).perform()
    assert reading(browser) == ['2 ms … 3 ms', '2']


def test_the_arrow_keys_read_a_chart_too(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    chart = browser.driver.find_element('css selector', '[data-chart]')
    chart.send_keys(Keys.END)
    assert reading(browser) == ['time 4 s', f'{EVIL}: 5 m', 'other: 4 m']
    chart.send_keys(Keys.ARROW_LEFT)
    assert reading(browser)[0] == 'time 3 s'
    chart.send_keys(Keys.ESCAPE)
    assert reading(browser) == []
