"""The board's pictures for README: a demo is started, and its page is taken in both languages as soon as it has enough.

    python docs/pictures.py

Needs Chromium (``make services``) and playwright, which the development tools bring. It takes about three minutes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from stream.sentences.languages import LANGUAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER: Final = Path(__file__).parent / "img"
_LONGEST_S: Final = 600.0
_ENOUGH: Final = """() => document.querySelector('[data-alert] .sign-critical')
    && document.querySelectorAll('[data-alert]').length >= 4
    && document.querySelector(
        '.device-mark.warning[data-device^="camera"], .device-mark.critical[data-device^="camera"]')?.dataset.device"""
"""The camera to open, once there are a critical alert and three others."""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python docs/pictures.py", description="Take the board's pictures of a demo.")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help="where to (default: docs/img)")
    parser.add_argument("--width", type=int, default=1440, help="of the screen, pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=900, help="of the screen, pixels (default: %(default)s)")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not there; `make services` installs it")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "console.cli", "demo", "--port", "8490", "--seed", "7"]
        demo = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            address = _address(demo)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            pages = {language: _opened(browser, address, language, options) for language in LANGUAGES}
            for language, page in pages.items():
                _take(page, options.out / f"board-{language}.png")
            browser.close()
        finally:
            demo.terminate()
            demo.wait(60)


def _address(demo: subprocess.Popen[str]) -> str:
    """Return the board's address, as soon as the demo has told it."""
    for line in demo.stdout or ():
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        if found:
            return found[0]
    raise SystemExit("the demo ended before its board had an address")


def _opened(browser: Browser, address: str, language: str, options: argparse.Namespace) -> Page:
    screen = {"width": options.width, "height": options.height}
    page = browser.new_context(viewport=screen, locale=language).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.locator(".demo button").first.click()  # as the duty officer
    page.wait_for_selector('#link[data-state="live"]')
    return page


def _take(page: Page, file: Path) -> None:
    """Wait for a few alerts, open the camera of one of them, and take the page."""
    deadline = time.monotonic() + _LONGEST_S
    while not (camera := page.evaluate(_ENOUGH)):
        if time.monotonic() > deadline:
            raise SystemExit(f"the demo had no picture worth taking in {_LONGEST_S:g} s")
        page.wait_for_timeout(500)
    page.locator(f'[data-device="{camera}"]').click(force=True)
    page.wait_for_selector("#panel-device .chart path.seen")
    page.mouse.move(5, 5)
    page.wait_for_timeout(3000)  # marks that arrive come to rest
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main()
