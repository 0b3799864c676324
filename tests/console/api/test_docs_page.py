"""The page that shows what the API does: in both languages, on both screens, with a try of what only reads."""

import pytest

from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize(
    ("language", "width", "height", "theme", "found", "answer"),
    [("zh-CN", 1366, 768, "light", "项操作", "答复 200"), ("en", 390, 844, "dark", "operations", "Answer 200")],
)
def test_an_operation_is_found_read_and_tried(board, chromium, language, width, height, theme, found, answer):
    with chromium.new_context(viewport={"width": width, "height": height}, locale=language) as context:
        context.add_init_script(f'localStorage.setItem("patrolgrid.theme", "{theme}")')
        page, asked, complaints = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{board.base_url}/docs?q=alerts".replace("//docs", "/docs"))
        row = page.locator('[data-key="GET /api/alerts"]')
        row.locator("summary").first.click()
        row.get_by_text(answer, exact=False).first.wait_for()
        assert found in page.locator("#found").inner_text()
        assert not page.locator('[data-key="GET /api/windows"]').is_visible()
        row.locator('[data-name="limit"]').fill("1")
        row.locator('[data-name="severity"]').select_option("critical")
        row.locator("button.main").click()
        row.locator(".outcome pre").wait_for()
        assert '"id": "al-1"' in row.locator(".outcome pre").inner_text()
        assert "limit=1" in row.locator("pre").first.inner_text()
        assert "severity=critical" in row.locator("pre").first.inner_text()
        row.locator(".schema > li", has_text="alerts").locator("summary").first.click()
        row.get_by_text("Tail probability").first.wait_for()
        assert "open=GET" in page.url
        reads_well(page)
        change = page.locator('[data-key="POST /api/alerts/{id}/clear"]')
        change.locator("summary").first.click()
        assert change.locator("button.main").count() == 0, "what changes something is not tried from here"
        assert complaints == []
        assert all(url.startswith(str(board.base_url)) for url in asked)
