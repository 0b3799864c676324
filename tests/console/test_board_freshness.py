"""When the page says that it cannot be believed, and what a stream is sent."""

import asyncio
import json

import pytest

from console.board.freshness import DeliveryState, FreshnessJudge, delivery
from console.board.hub import Asker, Hub
from console.board.overview import MAX_MORE, MAX_OPEN_ALERTS
from stream.sinks.store.tables import StoreError
from tests.console.fake_reader import FakeReader

WALL = 1_800_000_000_000
SITE_NOW = 1_795_000_000_000


def status(wall=WALL, received=10, **more):
    return {
        "now_ms": SITE_NOW + (wall - WALL),
        "watermark_ms": SITE_NOW - 30_000,
        "wall_ms": wall,
        "counters": {"received": received},
        "lag": {"seconds": 0.5},
        "connected": True,
        "speed": 1.0,
    } | more


def test_a_node_that_counts_on_is_live():
    judge = FreshnessJudge(120)
    assert judge.judge(status(), WALL + 500).state == "live"
    assert judge.judge(status(WALL + 200_000, received=11), WALL + 200_500).state == "live"


def test_no_status_means_waiting():
    assert FreshnessJudge(120).judge(None, WALL).state == "waiting"


def test_a_node_that_no_device_has_spoken_to_is_not_live():
    judge = FreshnessJudge(120)
    assert judge.judge(status(received=0), WALL + 500).state == "unheard"
    assert judge.judge(status(WALL + 200_000, received=0), WALL + 200_500).state == "unheard", "that is no failure yet"
    assert judge.judge(status(WALL + 201_000, received=1), WALL + 201_500).state == "live"


def test_a_node_that_stopped_writing_was_last_right_at_its_last_word():
    told = FreshnessJudge(120).judge(status(), WALL + 16_000)
    assert (told.state, told.since_ms) == ("node_silent", SITE_NOW)


def test_no_observations_for_long_is_quiet_since_the_last():
    judge = FreshnessJudge(120)
    judge.judge(status(), WALL)
    judge.judge(status(WALL + 60_000, received=11), WALL + 60_000)
    assert judge.judge(status(WALL + 170_000, received=11), WALL + 170_000).state == "live"
    told = judge.judge(status(WALL + 190_000, received=11), WALL + 190_000)
    assert (told.state, told.since_ms) == ("quiet", SITE_NOW + 60_000)


def test_an_agents_word_shows_that_the_network_carries_and_its_silence_that_it_may_not():
    judge = FreshnessJudge(120)
    for minute in range(4):  # its door stays shut, and it says once a minute how it is
        at = 60_000 * minute
        assert judge.judge({**status(WALL + at), "agents_ms": SITE_NOW + at}, WALL + at).state == "live"
    told = judge.judge({**status(WALL + 310_000), "agents_ms": SITE_NOW + 180_000}, WALL + 310_000)
    assert (told.state, told.since_ms) == ("quiet", SITE_NOW + 180_000)


def test_a_board_that_starts_late_believes_the_watermark():
    judge = FreshnessJudge(120)
    judge.judge(status(), WALL)
    told = judge.judge(status(WALL + 130_000), WALL + 130_000)
    assert (told.state, told.since_ms) == ("quiet", SITE_NOW - 30_000)


def test_a_node_without_broker_says_since_when():
    judge = FreshnessJudge(120)
    judge.judge(status(), WALL)
    told = judge.judge(status(WALL + 5000, connected=False), WALL + 5000)
    assert (told.state, told.since_ms) == ("disconnected", SITE_NOW)


@pytest.mark.parametrize(("speed", "lag", "state"), [(1, 100, "live"), (1, 300, "catching_up"), (60, 100, "live")])
def test_far_behind_is_catching_up(speed, lag, state):
    told = FreshnessJudge(120).judge(status(lag={"seconds": lag}, speed=speed), WALL)
    assert told.state == state


def test_a_part_that_fails_is_told_since_it_was_last_well():
    judge = FreshnessJudge(120)
    judge.judge(status(), WALL)
    told = judge.judge(status(WALL + 5000, received=11, failing={"log": "disk full"}), WALL + 5000)
    assert (told.state, told.since_ms, told.parts) == ("failing", SITE_NOW, ("log",))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, DeliveryState("none")),
        ({"at_ms": WALL - 2_000, "fault": "", "channels": {"sms": {"trouble": ""}}}, DeliveryState("ok")),
        ({"at_ms": WALL - 2_000, "channels": {"sms": {"trouble": "401"}}}, DeliveryState("trouble", channels=("sms",))),
        ({"at_ms": WALL - 2_000, "fault": "the disk takes nothing"}, DeliveryState("fault")),
        ({"at_ms": WALL - 60_000, "fault": "", "channels": {}}, DeliveryState("stopped", WALL - 60_000)),
    ],
)
def test_how_delivery_is_goes_by_its_newest_word(document, told):
    assert delivery(document, WALL) == told


def test_a_clock_that_follows_data_stands_when_there_is_none():
    async def story():
        reader = FakeReader()
        asker = Asker(reader)
        hub = Hub(asker, quiet_s=120, wall=lambda: WALL + 5000)
        for wall_ms in (WALL, WALL + 1000):
            reader.status = {"now_ms": SITE_NOW, "wall_ms": wall_ms}
            reader.touch()
            await hub.look()
        assert hub.site_ms() == SITE_NOW
        reader.status = {"now_ms": SITE_NOW + 1000, "wall_ms": WALL + 2000}
        reader.touch()
        await hub.look()
        assert hub.site_ms() == SITE_NOW + 4000
        asker.close()

    asyncio.run(story())


def test_a_stream_is_sent_only_devices_that_changed():
    async def story():
        reader = FakeReader()
        reader.running = False
        asker = Asker(reader)
        hub = Hub(asker, quiet_s=120)
        await hub.look()
        first = json.loads(hub.overview())
        assert (first["partial"], len(first["devices"])) == (False, len(reader.places.devices))
        row = next(row for row in reader.health() if row["device"] == "door-02")
        reader.health = lambda: [row | {"online": False}]
        reader.touch()
        await hub.look()
        second = json.loads(hub.overview(first["generation"]))
        assert second["partial"] is True
        assert second["devices"]["door-02"]["trouble"] == ["offline"]
        assert hub.overview(hub.generation).count(b'"devices":{}') == 1
        asker.close()

    asyncio.run(story())


def test_a_stream_is_sent_open_alerts_where_they_changed_and_all_of_them():
    async def story():
        reader = FakeReader()
        reader.running = False
        one = next(iter(reader.open_alerts.values()))[-1] | {"state": "raised"}
        reader.alerts = lambda **_kind: [one | {"id": f"a{n}"} for n in range(MAX_OPEN_ALERTS)]
        reader.more_open_alerts = lambda beyond, limit: ([one | {"id": "beyond"}], beyond + limit + 5)
        asker = Asker(reader)
        hub = Hub(asker, quiet_s=120)
        await hub.look()
        first = json.loads(hub.overview())
        assert (len(first["alerts"]), first["open_alerts"]) == (MAX_OPEN_ALERTS, MAX_OPEN_ALERTS + MAX_MORE + 5)
        assert [row["id"] for row in first["more_alerts"]] == ["beyond"]
        assert "why" not in first["more_alerts"][0]
        reader.touch()
        await hub.look()
        second = json.loads(hub.overview(first["generation"]))
        assert (second["partial"], second.keys() & {"alerts", "more_alerts"}) == (True, set())
        assert json.loads(hub.overview())["alerts"] == first["alerts"], "a page that begins gets them"
        assert json.loads(hub.overview(whole=False))["alerts"] == []
        reader.more_open_alerts = lambda beyond, limit: ([], min(beyond, limit))
        reader.touch()
        await hub.look()
        assert json.loads(hub.overview(second["generation"]))["more_alerts"] == []
        asker.close()

    asyncio.run(story())


def test_a_failing_store_wakes_the_page_and_a_mended_one_too():
    async def story():
        reader = FakeReader()
        asker = Asker(reader)
        hub = Hub(asker, quiet_s=120)
        await hub.look()
        reader.broken = OSError("disk on fire")
        await hub.look()
        assert hub.freshness.state == "store_error"
        before = hub.generation
        await hub.look()
        assert hub.generation - before <= 1
        reader.broken = None
        reader.touch()
        await hub.look()
        assert str(hub.freshness.state) == "live"
        asker.close()

    asyncio.run(story())


def test_where_the_store_fails_the_page_says_which_part_from_the_nodes_own_file():
    async def story():
        reader = FakeReader()
        reader.broken = StoreError("store.db: database disk image is malformed")
        asker = Asker(reader)
        told = status(failing={"log": "full"})
        hub = Hub(asker, quiet_s=120, wall=lambda: WALL + 500, newest=lambda _stored: told)
        await hub.look()
        first, shown = hub.freshness, json.loads(hub.overview())
        told["wall_ms"] -= 60_000
        await hub.look()
        asker.close()
        return first, shown, hub.freshness

    first, shown, later = asyncio.run(story())
    assert (first.state, first.parts) == ("store_error", ("log", "store"))
    assert shown["status"]["failing"] == {"log": "full"}
    assert later.state == "node_silent"


def test_where_the_store_is_not_written_any_more_the_nodes_own_file_is_believed():
    async def story():
        reader = FakeReader()
        reader.status = status(WALL - 30_000)
        asker = Asker(reader)
        told = status(failing={"store": "full"})
        hub = Hub(asker, quiet_s=120, wall=lambda: WALL + 500, newest=lambda _stored: told)
        await hub.look()
        asker.close()
        return hub.freshness, json.loads(hub.overview())["status"]

    fresh, shown = asyncio.run(story())
    assert (fresh.state, fresh.parts) == ("failing", ("store",))
    assert shown["failing"] == {"store": "full"}
