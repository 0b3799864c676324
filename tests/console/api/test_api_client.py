"""The reader for notebooks: the documented lines as they stand, pages, retries, times, and what it refuses."""

import json
import re
import runpy
import threading
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from console.api_client import TABLES, BoardError, BoardReader, with_times
from tests.stream import make_results as make
from tests.support import free_port

DOCS = Path(__file__).parents[3] / "docs"
GIVEN = "pgt_x"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def reader(board):
    return BoardReader(str(board.base_url), sleep=lambda _seconds: None)


@pytest.mark.parametrize("page", ["api.md", "api.zh-CN.md"])
def test_the_documented_lines_fetch_a_week(board, monkeypatch, capsys, page, tmp_path):
    (lines,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 5
    monkeypatch.setenv("PATROLGRID_BOARD", str(board.base_url))
    (tmp_path / "typed.py").write_text(lines, encoding="utf-8")
    found = runpy.run_path(str(tmp_path / "typed.py"))
    assert {row["id"] for row in found["week"]} == {f"al-{number}" for number in range(7)}
    assert "surge" in capsys.readouterr().out
    assert found["week"][0]["raised"].tzinfo == SHANGHAI


@pytest.mark.parametrize("table", TABLES)
def test_all_tables_come_by_pages(reader, table):
    since = datetime(2026, 11, 1, tzinfo=UTC)
    whole = list(reader.rows(table, since))
    assert len(whole) > 1
    assert list(reader.rows(table, since, limit=1)) == whole


def test_times_and_filters_are_told_as_python_has_them(reader):
    noon = datetime(2026, 11, 23, 20, tzinfo=SHANGHAI)
    assert {row["id"] for row in reader.rows("alerts", noon, until=date(2026, 11, 24), kind=["surge", "x"])} == {
        "al-4", "al-5", "al-6",
    }  # fmt: skip
    (row,) = reader.rows("alerts", make.T0 + 7_200_000, make.T0 + 7_200_001)
    assert row["raised"] == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_a_refusal_is_an_error_with_its_word(reader):
    with pytest.raises(BoardError, match="limti") as error:
        list(reader.rows("alerts", limti=5))
    assert (error.value.status, error.value.error) == (422, "unknown_parameter")
    with pytest.raises(KeyError):
        list(reader.rows("everything"))


def test_a_time_of_zero_is_none_and_inner_rows_are_seen():
    row = with_times({"ts": 0, "made_ms": 1000, "history": [{"raised_ms": 1}], "n": 5, "names": ["a"]})
    assert (row["ts"], row["made"].year, row["history"][0]["raised"].year) == (None, 1970, 1970)
    assert (row["n"], row["names"]) == (5, ["a"])


@pytest.mark.parametrize("url", ["", "10.1.2.3:8060", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(url, monkeypatch):
    monkeypatch.delenv("PATROLGRID_BOARD", raising=False)
    with pytest.raises(ValueError, match="expected the board's address"):
        BoardReader(url)


def test_a_token_goes_over_no_network_in_the_clear():
    with pytest.raises(ValueError, match="expected https"):
        BoardReader("http://10.1.2.3:8060", token=GIVEN)
    for allowed in ("https://10.1.2.3:8060", "http://127.0.0.1:8060", "http://[::1]:8060"):
        BoardReader(allowed, token=GIVEN)
    BoardReader("http://proxy:8060", token=GIVEN, plain=True)


def answering(answers):
    """A server that gives these answers in turn, and keeps what it was asked."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            status, content = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    return server, thread, seen


def test_a_busy_board_is_asked_again_and_a_token_is_in_no_address():
    refused = json.dumps({"error": "store", "message": "Try again."}).encode()
    server, thread, seen = answering([(503, refused), (429, b"busy"), (200, b'{"ok": true}')])
    waited = []
    with server:
        board = BoardReader(f"http://127.0.0.1:{server.server_port}", token=GIVEN, sleep=waited.append)
        assert board.get("/healthz", a=True) == {"ok": True}
        server.shutdown()
        thread.join()
    assert waited == [1.0, 2.0]
    assert seen == [("/healthz?a=true", f"Bearer {GIVEN}")] * 3


def test_in_the_end_it_gives_up():
    waited = []
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        BoardReader(f"http://127.0.0.1:{free_port()}", sleep=waited.append).get("/healthz")
    assert len(waited) == 4
    server, thread, _ = answering([(502, b"<html>")] * 5)
    with server:
        with pytest.raises(BoardError, match="no board answered"):
            BoardReader(f"http://127.0.0.1:{server.server_port}", sleep=waited.append).get("/healthz")
        server.shutdown()
        thread.join()
