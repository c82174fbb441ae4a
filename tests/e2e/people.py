"""A browser, and people who log in to Label Studio with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.e2e.label_studio import call
from tests.e2e.servers import Account, Address

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WINDOW = ViewportSize(width=1400, height=1400)  # high enough for the controls and a whole picture
MILLISECONDS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's own Chromium without a window; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def log_in(browser: Browser, server: Address, account: Account) -> Page:
    """A page of somebody with a session of their own."""
    page = _stranger(browser)
    page.goto(f"{server.url}/user/login/")
    _identify(page, account)
    return page


def sign_up(browser: Browser, server: Address, account: Account) -> Page:
    """A page of somebody new, who follows the invitation of the organisation."""
    page = _stranger(browser)
    page.goto(server.url + call(server, "GET", "/api/invite")["invite_url"])
    _identify(page, account)
    return page


def _stranger(browser: Browser) -> Page:
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(MILLISECONDS)
    return context.new_page()


def _identify(page: Page, account: Account) -> None:
    page.fill("input[name=email]", account.email)
    page.fill("input[name=password]", account.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/" not in url, wait_until="commit")
