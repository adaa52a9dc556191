"""A real browser that looks at pages from disk, for the tests of what people see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome')
ARGUMENTS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
    '--no-first-run',
)  # fmt: skip


class Browser:
    """Look at one page after the other."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, width: int = 1280, *, dark: bool = False) -> None:
        """Load a page in a window of that width."""
        size = {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': False}
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [scheme]})
        for log in ('browser', 'performance'):
            self.driver.get_log(log)
        self.driver.get(page.as_uri())

    def run(self, script: str, *arguments: object) -> Any:
        """Return what a script returns in the page."""
        return self.driver.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        """Return the text of each element that a CSS selector finds."""
        found = 'return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)'
        return list(self.run(found, selector))

    def problems(self) -> list[str]:
        """Return what the console of the page has said since it was loaded."""
        return [entry['message'] for entry in self.driver.get_log('browser')]

    def requests(self) -> list[str]:
        """Return the addresses that the page has asked for, what it holds itself left out."""
        events = [json.loads(entry['message']) for entry in self.driver.get_log('performance')]
        sent = [
            event['message']['params']['request']['url']
            for event in events
            if event['message']['method'] == 'Network.requestWillBeSent'
        ]
        return [address for address in sent if not address.startswith('data:')]

    def overflow_px(self) -> int:
        """Return by how much the page is wider than its window."""
        return int(self.run('const page = document.scrollingElement;'
                            'return page.scrollWidth - page.clientWidth'))  # fmt: skip


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """
    Start a browser, or skip the test and say why.

    :param profile: an empty folder for what it keeps.
    """
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    driver_program = shutil.which('chromedriver')
    if program is None or driver_program is None:
        pytest.skip(f'no browser: one of {", ".join(PROGRAMS)}, and chromedriver, are needed')
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (*ARGUMENTS, f'--user-data-dir={profile}', 'data:,'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    service = webdriver.ChromeService(driver_program)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
