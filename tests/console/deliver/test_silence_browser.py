"""Whoever takes an alert up in a browser, on the board or on a patrol's page, silences every channel."""

from contextlib import closing

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.people.people import People, Person
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.deliver.test_service import Station, _soon, critical, fakes
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import SITE, places
from tests.console.test_board_browser import browser as chromium
from tests.people.test_doors import WORDS, link_of, quick_hashes
from tests.support import wait_for

__all__ = ["_soon", "chromium", "fakes", "quick_hashes"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_acknowledging_in_a_browser_silences_all_channels(tmp_path, fakes, chromium):
    station, people, commands = Station(tmp_path, fakes), People(tmp_path), []
    people.add(Person("wang", "Wang", "duty", "en"), "cli:root", WORDS)
    people.add(Person("p1", "Li Wei", "patrol", "en", officer="p1"), "cli:root", WORDS)
    config = BoardConfig(
        site=SITE,
        store_path=str(tmp_path / "store.db"),
        places_path="",
        broker=BrokerAddress(),
        officers={"p1": "Li Wei"},
        language="en",
    )
    fakes["chat"].usual = fakes["hook"].usual = "500"  # so that messages wait, and are tried again and again
    with closing(StoreReader(tmp_path / "store.db")) as reader, station.delivering() as deliverer:
        station.node.status()
        app = make_app(reader, as_file(places()), commands.append, config)
        with served(app) as client, chromium.new_context(locale="en") as context:
            context.set_default_timeout(60_000)
            page = context.new_page()

            def silenced(alert, opened, press):
                """Press a button of an alert that channels wait to tell, and wait until they wait no more."""
                station.tell(critical(alert))
                station.until(deliverer, alert, chat=("waiting", "error"), hook=("waiting", "error"))
                page.goto(f"{client.base_url}{opened}")
                page.locator(press).click()
                wait_for(lambda: deliverer.step() or commands, "the press arrives")
                (command,) = commands
                commands.clear()
                assert (command.action, command.alert) == ("acknowledge", alert)
                station.tell(critical(alert, 2, state="acknowledged", by=command.shown))  # as the node does
                gone = ("dropped", "acknowledged")
                station.until(deliverer, alert, chat=gone, hook=gone)
                return command.shown

            page.goto(f"{client.base_url}/signin")
            page.fill("[name=id]", "wang")
            page.fill("[name=password]", WORDS)
            page.click("[type=submit]")
            page.wait_for_selector('#link[data-state="live"]')
            assert silenced("a1", "/", '[data-alert="a1"] [data-action="acknowledge"]') == "Wang"
            context.clear_cookies()
            link = f"/go#{link_of(people, 'p1')}"
            assert silenced("a2", link, '[data-alert="a2"] button.main') == "Li Wei"
            before = len(fakes["chat"].got), len(fakes["hook"].got)
            fakes["chat"].usual = fakes["hook"].usual = "ok"
            station.tell(critical("a3"))
            station.until(deliverer, "a3", chat=("accepted", ""), hook=("accepted", ""))
            for name, had in zip(("chat", "hook"), before, strict=True):
                told = [one.body for one in fakes[name].got[had:]]
                assert [b"a3" in body for body in told] == [True], "nothing more is said of what was taken up"
    app.state.board.doors.people.file.close()
    people.file.close()
    station.node.close()
