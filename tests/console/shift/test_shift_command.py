"""``patrolgrid report shift``: the book where there is no browser."""

import json

import pytest

from console.cli.main import main
from tests.console.stores import SITE, Node
from tests.stream import make_results as make


@pytest.fixture
def station(tmp_path, monkeypatch):
    folder = tmp_path / "data" / SITE
    folder.mkdir(parents=True)
    node = Node(folder)
    node.fill()
    node.write(
        book=[
            make.note(note="the key is\nwith the neighbour"),
            make.hand_over("h-1", about="day-2026-11-23", handed=({"what": "alert", "id": "al-1"},)),
            make.hand_over("h-2", about="night-2026-11-22", to="", note=""),
            make.note("t-1", action="take", about="h-1", name="Wang Lei", note=""),
        ]
    )
    node.close()
    text = f'site.id = "{SITE}"\nsite.places = "data/{SITE}/places.geojson"\ndata.dir = "data"\n'
    (tmp_path / "patrolgrid.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_the_book_is_told_in_lines(station, capsys):
    assert main(["report", "shift", "--lang", "en"]) == 0
    told = capsys.readouterr().out
    for line in (
        "Day shift · 2026-11-23, 08:00–20:00",
        "Handed over by Li Na, 16:00",
        "  Nobody has taken it over yet.",
        "Open: to be handed on (2)",
        "West gate · nobody has taken it up",
        "16:00  Li Na: the key is / with the neighbour",
        "Handed over by Li Na to Wang Lei, 16:00",
        "  1 thing was open",
        "  Read and taken over by Wang Lei, 16:00",
    ):
        assert line in told
    assert main(["report", "shift", "--lang", "zh-CN"]) == 0
    assert "Li Na于16:00交班给Wang Lei" in capsys.readouterr().out


def test_another_shift_as_json_and_one_that_is_none(station, capsys):
    assert main(["report", "shift", "--shift", "night-2026-11-22", "--json"]) == 0
    book = json.loads(capsys.readouterr().out)
    assert (book["shift"]["state"], [one["id"] for one in book["hand_overs"]]) == ("over", ["h-2"])
    assert main(["report", "shift", "--shift", "night", "--lang", "en"]) == 2
    assert "expected the id of a shift such as night-2026-11-26" in capsys.readouterr().err
