"""The report on the board, as a file and on paper; in both languages, on a screen and a phone."""

import contextlib
import json
import re
import zlib

import msgspec
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.cli.main import main
from console.report.main_figures import main_figures
from console.report.pdf_file import pdf_of
from console.report.pictures import Bar, bars, fitting, heat
from console.report.reckoning import week_report
from console.report.report_page import page_of
from console.report.week import Week
from ingest.login import BrokerAddress
from stream.sentences.catalogue import Sentences
from tests.console.fake_places import as_file
from tests.console.report import report_site as site
from tests.console.serving import served
from tests.console.stores import SITE
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import pages_of, reads_well

__all__ = ["chromium"]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROWSER = (pytest.mark.browser, pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory):
    found = site.build(tmp_path_factory.mktemp("week"))
    yield found
    found.reader.close()


@pytest.fixture(scope="module")
def board(source):
    told = source.folder / "board.toml"
    told.write_text(
        f'[site]\nid = "{SITE}"\ntimezone = "Asia/Shanghai"\n[patrol]\nofficers = ["p1: {site.OFFICER} 李伟"]\n'
        'shifts = ["daily 08:00-16:00 @ p1: Day"]\n',
        encoding="utf-8",
    )
    config = BoardConfig(
        site=SITE, store_path=str(source.folder / "store.db"), places_path="", broker=BrokerAddress(), language="en",
        timezone="Asia/Shanghai", settings_file=str(told),
    )  # fmt: skip
    with served(make_app(source.reader, as_file(source.places), lambda _command: None, config)) as client:
        yield client


def test_the_api_gives_the_figures_and_the_report_in_words(board):
    answer = board.get("/api/report?week=2026-W48&lang=zh-CN").json()
    assert answer["report"]["alerts"]["total"] == 5
    assert "湖" not in answer["html"]
    assert "无人签收" in answer["html"]
    assert answer["weeks"][:2] == ["2026-W49", "2026-W48"]
    assert board.get("/api/report").json()["week"] == "2026-W48"
    for asked, said in (("2026-W60", "expected a week such as"), ("2027-W01", "is a week to come"), ("x", "expected")):
        refused = board.get(f"/api/report?week={asked}&lang=en")
        assert (refused.status_code, refused.json()["error"]) == (422, "bad_parameter")
        assert said in refused.json()["message"]


def test_a_page_needs_nothing_and_says_nothing_of_people(source):
    for language, word in (("en", "Nobody took up"), ("zh-CN", "无人签收")):
        page = page_of(week_report(source, site.WEEK), language)
        assert word in page
        assert not re.search(r"""(?:src|href)\s{0,3}=|url\(|@import|<script""", page)
        for hidden in (site.PLATE, site.OFFICER, "李伟", site.NOTE, "wang"):
            assert hidden not in page


def unpacked(pdf):
    found = b""
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            found += zlib.decompress(packed)
    return found


def test_a_week_prints_on_three_sheets_with_chinese(board):
    answer = board.get("/api/report.pdf?week=2026-W48&lang=zh-CN")
    assert answer.headers["content-disposition"] == 'attachment;filename="s1-2026-W48.pdf"'
    assert answer.content.startswith(b"%PDF")
    inside = unpacked(answer.content)
    assert b"+Noto-Sans-CJK-SC" in inside
    assert pages_of(inside) <= 3


def test_nothing_of_a_page_is_fetched_for_paper(tmp_path):
    (tmp_path / "x.css").write_text(
        "p { display: block; break-after: page; } p::after { content: 'x'; display: block; break-before: page }",
        encoding="utf-8",
    )
    page = pdf_of(f'<link rel="stylesheet" href="{(tmp_path / "x.css").as_uri()}"><p>a</p><p>b</p>')
    assert pages_of(unpacked(page)) == 1


def test_pictures_take_any_name_and_any_amount():
    drawn = heat("a & b", ['<img src="x">', "北" * 40], [[0, 1e9, 0.25] + [0] * 21, [1] * 24], 1e9)
    assert "<img" not in drawn
    assert "北北北北北北北…" in drawn
    assert 'aria-label="a &amp; b"' in drawn
    assert bars("x", [Bar("a", None, "?")]).count("<rect") == 1
    assert fitting("abc", 3) == "abc"


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize(("language", "size"), [("en", (1366, 768)), ("zh-CN", (390, 844))])
def test_the_page_shows_a_week_and_another_one(board, chromium, language, size):
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
    try:
        context.set_default_timeout(60_000)
        page = context.new_page()
        complaints = []
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.goto(f"{board.base_url}/report?week=2026-W48")
        page.wait_for_selector("article.report")
        assert page.input_value("#week") == "2026-W48"
        assert page.evaluate(SIDEWAYS) <= 0
        assert page.locator(".report svg.pic").count() >= 8
        reads_well(page)
        page.click("#later")
        page.wait_for_selector('.report-note:has-text("2026-12-01")')
        assert page.url.endswith("/report?week=2026-W49")
        assert page.is_disabled("#later")
        page.locator("#week").select_option("2026-W48")
        page.wait_for_selector('.report h2:has-text("2026-11-23")')
        other = "zh-CN" if language == "en" else "en"
        page.click(f'[data-language="{other}"]')
        page.wait_for_selector(f'article.report[lang="{other}"]')
        assert complaints == []
    finally:
        context.close()


def test_a_week_of_which_nothing_is_known_has_no_noughts(source):
    report = week_report(source, Week(2026, 30))
    assert report.nothing_known
    assert {amount for _, amount, _ in main_figures(report, Sentences("en"))} == {"—"}
    said = page_of(report, "en")
    for comfort in ("No alert was raised", "No alert was left", "0 of the alerts"):
        assert comfort not in said
    assert not week_report(source, Week(2026, 48)).nothing_known


def test_the_command_writes_a_page_and_says_the_main_figures(source, capsys, tmp_path):
    (source.folder / "node.toml").write_text(f'[site]\nid = "{SITE}"\ntimezone = "Asia/Shanghai"\n', encoding="utf-8")
    page, common = tmp_path / "week.html", ["report", "week", "--data-dir", str(source.folder.parent)]
    assert main([*common, "--html", str(page), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "s1: week 48 of 2026" in said
    assert re.search(r"Nobody took up {2,}2 {2,}of 5", said)
    assert f"Written: {page}" in said
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main([*common, "--week", "2026-W48", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["alerts"]["total"] == 5
    assert main([*common, "--week", "2027-W01"]) == 2
    assert "is a week to come" in capsys.readouterr().err


def test_a_table_names_no_single_row_that_is_only_in_the_json(source):
    report = week_report(source, site.WEEK)
    (kind, *_) = report.alerts.kinds
    for rows, shown, left in ((12, 12, False), (13, 13, False), (14, 12, True)):
        kinds = [msgspec.structs.replace(kind, kind=f"kind-{number}") for number in range(rows)]
        page = page_of(
            msgspec.structs.replace(report, alerts=msgspec.structs.replace(report.alerts, kinds=kinds)), "en"
        )
        assert page.count("kind-") == shown
        assert ("2 more are" in page) == left
        assert "One more is" not in page
