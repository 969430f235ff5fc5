"""Chromium, as the tests of the pages open it."""

import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)")


@contextmanager
def chromium():
    """A browser, until the end."""
    with sync_playwright() as playwright:
        # Without Chromium's own sandbox, which needs rights that containers do not give; it sees our pages alone.
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()
