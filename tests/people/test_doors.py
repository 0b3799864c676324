"""The board with accounts, tried as somebody would who has none, the wrong one, or another person's link."""

import contextlib
import json

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.routing import Route

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.board.commands import BrokerAwayError, UnconfirmedError
from console.board.pages import PAGES
from console.board.who import OPEN
from console.people import passwords
from console.people.attempts import MOST_PERSON
from console.people.audit import read_head
from console.people.people import People, Person
from console.people.rights import ROLES
from ingest.clock import wall_ms
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import SITE, Node, places
from tests.people.test_rights import roles_of_the_page
from tests.stream import make_results as make
from tests.support import wait_for

WORDS = "night bus 42 lanterns"
HEADERS = {"X-PatrolGrid": "board"}
PEOPLE = [
    Person("wang", "王磊", "duty"),
    Person("p1", "李伟", "patrol", officer="p1"),
    Person("p2", "Zhao", "patrol", officer="p2"),
    Person("sun", "Sun", "engineer"),
    Person("chen", "Chen", "chief"),
    Person("hu", "Hu", "partner"),
    Person("lost", "Lost", "patrol"),
]
OF_ROLE = {one.role: one.id for one in reversed(PEOPLE)} | {"patrol": "p1"}
ASKED = {
    "hotspots": [("GET", "/"), ("GET", "/api/site"), ("GET", "/api/overview"), ("GET", "/api/hotspots")],
    "alerts": [
        ("GET", "/api/alerts"),
        ("GET", "/api/alerts/al-1"),
        ("GET", "/api/device/cam-1"),
        ("GET", "/api/incidents"),
    ],
    "plan": [("GET", "/api/plan")],
    "book": [("GET", "/api/shift"), ("POST", "/api/book")],
    "acknowledge": [("POST", "/api/alerts/al-1/acknowledge")],
    "clear": [("POST", "/api/alerts/al-1/clear")],
    "did": [("POST", "/api/did")],
    "links": [("GET", "/api/people"), ("POST", "/api/people/p2/link"), ("POST", "/api/links/x/revoke")],
}
CONTENT = {"/api/book": {"note": "quiet"}, "/api/did": {"what": "away"}}


class Sent:
    def __init__(self):
        self.commands, self.said = [], []

    def publish(self, command):
        self.commands.append(command)

    def say(self, officer, did):
        self.said.append((officer, did))


@pytest.fixture(scope="module", autouse=True)
def quick_hashes():
    """Hash as the program does, in no time: what is tested here is who gets in."""
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_HASHER", quick)
        patch.setattr(passwords, "_NOBODYS", quick.hash("nobody"))
        yield


@contextlib.contextmanager
def open_board(folder):
    """Yield a way to open browsers at a board of people, its people, and what it sent."""
    node = Node(folder)
    node.fill()
    node.write(
        patrols=[make.officer_plan(make.stop("a")), make.officer_plan(make.stop("b", officer="p2"), officer="p2")]
    )
    node.status()
    people, sent, reader = People(folder), Sent(), StoreReader(folder / "store.db")
    config = BoardConfig(
        site=SITE, store_path=str(folder / "store.db"), places_path="", broker=BrokerAddress(), language="en"
    )
    app = make_app(reader, as_file(places()), sent.publish, config, sent.say)
    with served(app) as client, contextlib.ExitStack() as browsers:
        app.state.url, app.state.node = str(client.base_url).rstrip("/"), node

        def browser(person="", password=WORDS, **headers):
            made = browsers.enter_context(
                httpx.Client(base_url=client.base_url, timeout=60, headers=HEADERS | headers, follow_redirects=False)
            )
            if person:
                assert made.post("/api/sign-in", json={"id": person, "password": password}).status_code == 200
            return made

        yield browser, people, sent, app
    reader.close()
    people.file.close()
    app.state.board.doors.people.file.close()
    node.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with open_board(tmp_path_factory.mktemp("site")) as made:
        for person in PEOPLE:
            made[1].add(person, "cli:root", WORDS)
        yield made


@pytest.fixture
def browser(opened):
    return opened[0]


@pytest.fixture
def people(opened):
    opened[1].file.rows("SELECT 1")
    with opened[1].file.change() as connection:
        connection.execute("DELETE FROM attempts")
    return opened[1]


@pytest.fixture
def sent(opened):
    opened[2].__init__()
    return opened[2]


def newest(people):
    entry = people.audit.entries(limit=1)[0]
    return entry.by, entry.what, entry.about


def link_of(people, person, purpose="patrol", valid_s=3600.0, about=""):
    return people.link(person, purpose, valid_s, about, by="wang")


def test_nothing_is_answered_to_who_has_not_come_in(opened, browser):
    stranger, pages = browser(), []
    for route in opened[3].routes:
        if not isinstance(route, Route) or route.path in OPEN or route.path.startswith("/locale/"):
            continue
        path = route.path.replace("{id}", "cam-1").replace("{number:int}", "1")
        answer = stranger.post(path, json={}) if "POST" in (route.methods or ()) else stranger.get(path)
        if answer.status_code == 303:
            pages.append(path)
            assert answer.headers["location"] == f"/signin?next={path}"
        else:
            assert (answer.status_code, answer.json()["error"]) == (401, "signed_out"), path
    assert pages == [*(page.path for page in PAGES), "/password"]
    assert stranger.get("/nothing/here").status_code == 401
    for cookie in ("x", "A" * 43, "%00", "x" * 5000):
        assert stranger.get("/api/site", headers={"Cookie": f"patrolgrid-session={cookie}"}).status_code == 401


def test_what_is_open_tells_nothing_of_the_site_but_its_name(browser):
    stranger = browser()
    me = stranger.get("/api/me").json()
    assert (me["accounts"], me["person"], me["rights"]) == (True, None, [])
    assert me["site"].keys() == {"name", "language", "languages", "timezone"}
    assert stranger.get("/healthz").json() == {"ok": True}
    assert stranger.get("/ca.crt").status_code == 404, "a board without TLS has none"
    for path in ("/signin", "/go", "/static/js/door.js", "/locale/en.json"):
        assert stranger.get(path).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_what_the_page_says_and_no_more(browser, people, sent, role):
    somebody, rights = browser(OF_ROLE[role]), roles_of_the_page()[role]
    assert set(somebody.get("/api/me").json()["rights"]) == rights
    for right, asked in ASKED.items():
        for method, path in asked:
            answer = somebody.request(method, path, json=CONTENT.get(path, {}) if method == "POST" else None)
            if right in rights:
                expected = {"GET": {200}, "POST": {201, 202}}[method] | ({404} if "/links/x" in path else set())
                assert answer.status_code in expected, path
            else:
                assert (answer.status_code, answer.json()["error"]) == (403, "no_right"), path
                assert newest(people) == (OF_ROLE[role], "refused", path)
    refused = {"acknowledge", "clear"} - rights
    assert len(sent.commands) == 2 - len(refused) + ("book" in rights)


def test_a_partner_sees_where_and_nothing_of_what_has_happened(browser):
    partner = browser("hu")
    site, look = partner.get("/api/site").json(), partner.get("/api/overview").json()
    assert site["beats"]
    assert site["devices"] == []
    assert look["hotspots"]["cells"]
    assert (look["alerts"], look["devices"], look["status"]) == ([], {}, None)
    with partner.stream("GET", "/api/events") as stream:
        line = next(line for line in stream.iter_lines() if line.startswith("data:"))
    assert json.loads(line[5:])["alerts"] == []
    assert partner.get("/plan").headers["location"] == "/"


def test_a_command_is_of_who_has_signed_in(browser, people, sent):
    answer = browser("wang").post("/api/alerts/al-1/acknowledge", json={"note": "on my\u202e way"})
    assert answer.status_code == 202
    assert answer.json()["by"] == "王磊"
    (command,) = sent.commands
    assert (command.by, command.name, command.note) == ("wang", "王磊", "on my way")
    entry = people.audit.entries(limit=1)[0]
    assert (entry.by, entry.what, entry.about) == ("wang", "acknowledge", "al-1")
    assert entry.detail == {"command": command.id}, "what is written may have plates in it, and stays for good"


def test_a_name_typed_by_hand_is_not_taken(browser, people, sent):
    answer = browser("wang").post("/api/alerts/al-1/acknowledge", json={"by": "Chen"})
    assert (answer.status_code, answer.json()["error"]) == (422, "name_by_hand")
    assert newest(people) == ("wang", "refused", "/api/alerts/al-1/acknowledge")
    assert sent.commands == []


def test_a_command_that_may_not_have_arrived_is_noted_as_that(opened, browser, people, monkeypatch):
    def unconfirmed(_command):
        raise UnconfirmedError("nothing came back")

    def away(_command):
        raise BrokerAwayError("no connection")

    officer = browser("wang")
    for error, word in ((away, "broker_away"), (unconfirmed, "unconfirmed")):
        before = people.audit.head().number
        monkeypatch.setattr(opened[3].state.board, "publish", error)
        assert officer.post("/api/alerts/al-1/clear", json={}).json()["error"] == word
        assert people.audit.head().number - before == (word == "unconfirmed")
    assert people.audit.entries(limit=1)[0].detail["unconfirmed"] is True


def test_an_officer_speaks_of_their_own_stops_alone(browser, people, sent):
    officer = browser("p1")
    assert officer.post("/api/did", json={"what": "arrived", "stop": "a", "note": "quiet"}).status_code == 202
    assert [(who, did.what, did.stop, did.note, did.officer) for who, did in sent.said] == [
        ("p1", "arrived", "a", "quiet", "")
    ]
    assert newest(people) == ("p1", "did", "a")
    for body, status, error in (
        ({"what": "done", "stop": "b"}, 404, "no_stop"),
        ({"what": "done", "stop": ""}, 404, "no_stop"),
        ({"what": "done", "stop": "a", "officer": "p2"}, 422, "bad_body"),
        ({"what": "eaten", "stop": "a"}, 422, "bad_body"),
        ({"what": "help", "note": "x" * 500}, 422, "bad_body"),
    ):
        answer = officer.post("/api/did", json=body)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
    answer = browser("lost").post("/api/did", json={"what": "help"})
    assert (answer.status_code, answer.json()["error"]) == (403, "no_officer")
    assert len(sent.said) == 1


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(browser, people):
    mine = browser()
    answer = mine.post("/api/sign-in", json={"id": "wang", "password": WORDS})
    session, known = answer.headers.get_list("set-cookie")
    assert session.startswith("patrolgrid-session=")
    assert "; HttpOnly" in session
    assert "; SameSite=lax" in session
    assert "Max-Age" not in session
    assert "; Path=/api/sign-in" in known
    assert answer.json() == {
        "home": "/",
        "person": {"id": "wang", "name": "王磊", "role": "duty", "language": "zh-CN", "officer": ""},
    }
    over_tls = mine.post("/api/sign-in", json={"id": "wang", "password": WORDS}, headers={"X-Forwarded-Proto": "https"})
    session = over_tls.headers.get_list("set-cookie")[0]
    assert session.startswith("__Host-patrolgrid=")
    assert "; Secure" in session
    assert "; Path=/" in session
    assert "Domain" not in session


def test_a_session_does_not_outlive_the_next_one_in_its_browser(browser, people):
    mine = browser("wang")
    before = mine.cookies["patrolgrid-session"]
    mine.post("/api/sign-in", json={"id": "chen", "password": WORDS})
    assert mine.get("/api/me").json()["person"]["id"] == "chen"
    assert people.of_session(before) is None


def test_signing_out_ends_the_session_for_everybody_who_has_its_token(browser, people):
    mine, copy = browser("wang"), browser()
    copy.cookies.set("patrolgrid-session", mine.cookies["patrolgrid-session"])
    assert copy.get("/api/site").status_code == 200
    assert mine.post("/api/sign-out").status_code == 200
    assert mine.get("/api/site").status_code == 401
    assert copy.get("/api/site").status_code == 401
    assert newest(people)[:2] == ("wang", "sign-out")


@pytest.mark.parametrize(
    ("headers", "drop"),
    [
        ({"Origin": "https://evil.example"}, ()),
        ({"Origin": "null"}, ()),
        ({"Sec-Fetch-Site": "cross-site"}, ()),
        ({"Sec-Fetch-Site": "same-site"}, ()),
        ({}, ("X-PatrolGrid",)),
        ({"Content-Type": "text/plain"}, ()),
    ],
)
def test_another_sites_page_acts_for_nobody(opened, browser, people, sent, headers, drop):
    for name in ("wang", "p1"):
        victim = browser(name)
        for one in drop:
            del victim.headers[one]
        paths = [
            route.path for route in opened[3].routes if isinstance(route, Route) and "POST" in (route.methods or ())
        ]
        for path in paths:
            if headers.get("Content-Type") and path in {
                "/api/sign-out",
                "/api/links/{id}/revoke",
                "/api/alerts/{id}/seen",
            }:
                continue  # nothing in their content is read
            body = json.dumps({"id": "hu", "password": WORDS})
            answer = victim.post(
                path.replace("{id}", "al-1").replace("{number:int}", "1"),
                headers={"Content-Type": "application/json"} | headers,
                content=body,
            )
            assert answer.status_code in ({403, 415} if "Content-Type" in headers else {403}), path
            if "Content-Type" not in headers:
                assert answer.json()["error"] == "foreign"
        noted = [one.about for one in people.audit.entries(by=name) if one.what == "refused"]
        assert "Content-Type" in headers or any("(another page)" in about for about in noted)
        assert victim.get("/api/me").json()["person"]["id"] == name
    assert (sent.commands, sent.said) == ([], [])


def test_guessing_ends_with_waiting_and_the_log_has_it(browser, people):
    thief, officer = browser(), browser("chen")
    reasons = []
    for number in range(MOST_PERSON + 3):
        answer = thief.post("/api/sign-in", json={"id": "chen", "password": f"guess {number}"})
        reasons.append((answer.status_code, answer.json()["error"]))
    assert reasons == [(403, "wrong_password")] * MOST_PERSON + [(429, "locked")] * 3
    assert answer.json()["message"] == "Too many attempts. Try again in 15 minutes, or ask for a personal link."
    assert newest(people) == ("chen", "sign-in-locked", "chen")
    assert officer.get("/api/site").status_code == 200
    assert officer.post("/api/sign-in", json={"id": "chen", "password": WORDS}).status_code == 200, "known browser"
    assert browser().post("/api/sign-in", json={"id": "chen", "password": WORDS}).status_code == 429


def test_what_a_phone_repeats_is_said_once_and_as_of_when_it_was_pressed(opened, browser, people, sent, monkeypatch):
    officer, at_ms = browser("p1"), make.T0 - 600_000
    body = {"what": "arrived", "stop": "a", "id": "0f" * 16, "at_ms": at_ms}
    with monkeypatch.context() as patch:
        patch.setattr(opened[3].state.board, "say", lambda *_: (_ for _ in ()).throw(UnconfirmedError("no answer")))
        assert officer.post("/api/did", json=body).status_code == 503
    for _ in range(3):
        assert officer.post("/api/did", json=body).json()["id"] == body["id"]
    assert [(who, did.what, did.ts) for who, did in sent.said] == [("p1", "arrived", at_ms)]
    entries = [one.detail for one in people.audit.entries(limit=2)]
    assert entries == [{"done": "arrived", "at_ms": at_ms}, {"unconfirmed": True, "done": "arrived", "at_ms": at_ms}]
    other = browser("p2").post("/api/did", json=body | {"stop": "b"})
    assert (other.status_code, len(sent.said)) == (202, 2), "nobody else's press has that id"
    old = officer.post("/api/did", json={"what": "help", "at_ms": make.T0 - 90_000_000})
    assert (old.status_code, old.json()["error"], len(sent.said)) == (409, "too_old", 2)
    assert officer.post("/api/did", json=body | {"id": "x y"}).json()["error"] == "bad_body"


def test_a_false_alarm_has_a_reason_of_the_list_and_is_told_once(opened, browser, people, sent):
    officer, body = browser("p1"), {"reason": "animal", "note": "a cat", "id": "ab" * 16}
    first, again = (officer.post("/api/alerts/al-1/clear", json=body) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    (command,) = sent.commands
    assert (command.action, command.reason, command.note) == ("clear", "animal", "a cat")
    entry = people.audit.entries(limit=1)[0]
    assert (entry.by, entry.what, entry.detail["reason"]) == ("p1", "clear", "animal")
    chen = browser("chen").post("/api/alerts/al-1/clear", json={"id": "ab" * 16})
    assert (chen.status_code, len({one.id for one in sent.commands})) == (202, 2)
    assert officer.post("/api/alerts/al-1/clear", json={"reason": "bored"}).json()["error"] == "bad_body"


def test_the_patrols_page_is_for_officers_outside(browser):
    assert browser("p1").get("/patrol").status_code == 200
    assert browser("wang").get("/patrol").headers["location"] == "/"
    manifest = browser().get("/static/patrol.json")
    assert manifest.headers["content-type"] == "application/json"
    assert manifest.json()["start_url"] == "/patrol"


def test_a_links_token_opens_its_persons_page_and_no_more(browser, people):
    phone = browser()
    answer = phone.post("/api/link", json={"token": link_of(people, "p1")})
    assert answer.json()["home"] == "/patrol"
    assert "Max-Age=35" in answer.headers["set-cookie"]
    me = phone.get("/api/me").json()
    assert (me["person"]["id"], me["purpose"]) == ("p1", "patrol")
    assert phone.get("/plan").status_code == 200
    answer = phone.post("/api/password", json={"new": "a river in the fog"})
    assert (answer.status_code, answer.json()["error"]) == (403, "no_right")


def test_a_link_of_one_alert_opens_no_other(browser, people, sent):
    phone = browser()
    assert phone.post("/api/link", json={"token": link_of(people, "p1", "alert", about="al-1")}).json()["home"] == "/go"
    assert phone.get("/api/alerts/al-1").json()["id"] == "al-1"
    assert phone.post("/api/alerts/al-1/acknowledge", json={}).status_code == 202
    for method, path in (
        ("GET", "/api/alerts/al-0"),
        ("GET", "/api/alerts"),
        ("GET", "/api/overview"),
        ("GET", "/api/device/al-1x"),
        ("POST", "/api/alerts/al-0/acknowledge"),
        ("POST", "/api/alerts/al-1/clear"),
        ("POST", "/api/did"),
    ):
        answer = phone.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]) == (403, "no_right"), path
    assert len(sent.commands) == 1


def test_links_that_open_nothing(browser, people):
    expired, revoked, good = link_of(people, "p1", valid_s=-1), link_of(people, "p1"), link_of(people, "p1")
    (identifier,) = [link.id for link in people.links("p1") if revoked.startswith(link.id)]
    people.revoke(identifier, "wang")
    for token, error in ((expired, "expired"), (revoked, "revoked"), (good[:-2] + "AA", "forged"), ("", "forged")):
        answer = browser().post("/api/link", json={"token": token})
        assert (answer.status_code, answer.json()["error"]) == (403, f"link_{error}")
        assert newest(people)[1] == "link-refused"
    somebody = browser("wang")
    answer = somebody.post("/api/link", json={"token": good})
    assert (answer.status_code, answer.json()["error"]) == (403, "link_other")
    assert newest(people)[:2] == ("wang", "link-refused")
    assert somebody.get("/api/me").json()["person"]["id"] == "wang"


def test_the_board_makes_links_for_patrols_alone_and_withdraws_them(browser, people):
    duty = browser("wang")
    made = duty.post("/api/people/p2/link", json={"valid_h": 2}).json()
    address, token = made["url"].split("/go#")
    assert address == str(duty.base_url).rstrip("/")
    assert made["svg"].startswith("<svg")
    phone = browser()
    assert phone.post("/api/link", json={"token": token}).json()["person"]["id"] == "p2"
    for person, error in (("chen", "no_right"), ("nobody", "no_person")):
        assert duty.post(f"/api/people/{person}/link", json={}).json()["error"] == error
    assert duty.post("/api/people/p2/link", json={"purpose": "password"}).json()["error"] == "bad_body"
    shown = {one["id"]: one for one in duty.get("/api/people").json()["people"]}
    assert shown["p2"]["links"][0]["purpose"] == "patrol"
    assert "addresses" not in shown["p2"]
    assert duty.post(f"/api/links/{token[:12]}/revoke").status_code == 200
    assert phone.get("/api/me").json()["person"] is None
    other = link_of(people, "chen", "password")
    assert duty.post(f"/api/links/{other[:12]}/revoke").json()["error"] == "no_link"


def test_a_password_is_set_by_its_link_and_changed_by_who_knows_it(browser, people):
    phone = browser()
    assert phone.post("/api/link", json={"token": link_of(people, "p2", "password")}).json()["home"] == "/password"
    assert phone.get("/").headers["location"] == "/password"
    assert phone.post("/api/password", json={"new": "p2p2p2p2"}).json()["error"] == "password_short"
    assert phone.post("/api/password", json={"new": "a river in the fog"}).json()["home"] == "/"
    assert phone.get("/api/me").json()["purpose"] is None
    assert (
        phone.post("/api/password", json={"new": "fog over a river", "old": WORDS}).json()["error"] == "wrong_password"
    )
    other = browser("p2", "a river in the fog")
    answer = phone.post("/api/password", json={"new": "fog over a river", "old": "a river in the fog"})
    assert answer.status_code == 200
    assert phone.get("/api/site").status_code == 200
    assert other.get("/api/site").status_code == 401
    people.set_password("p2", WORDS, "cli:root")


def test_an_open_page_ends_with_the_account(browser, people, monkeypatch):
    monkeypatch.setattr("console.board.who._CHECK_MS", 0)
    monkeypatch.setattr("console.board.routes.api_routes.HEARTBEAT_S", 0.1)
    people.add(Person("gone", "Gone", "duty"), "cli:root", WORDS)
    with browser("gone").stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event: overview"))
        people.revoke("gone", "cli:root")
        assert "event: signed_out" in list(lines)


def test_who_looked_is_noted_once_and_not_every_second(browser, people):
    officer = browser("sun")
    for _ in range(3):
        officer.get("/api/device/gate-1")
    seen = [(one.by, one.about) for one in people.audit.entries(by="sun") if one.what == "see"]
    assert seen.count(("sun", "/api/device/gate-1")) == 1
    assert people.audit.verify() == []


def test_addresses_that_somebody_makes_up_do_not_fill_the_log(opened, browser, people, monkeypatch):
    officer, doors = browser("sun"), opened[3].state.board.doors
    monkeypatch.setattr(doors, "_refused", {})  # the same board has refused others' requests a moment ago
    before = people.audit.head().number
    for number in range(5):
        assert officer.get(f"/api/device/made-up-{number}").status_code == 404
        assert officer.post(f"/api/{number}", headers={"Origin": "https://evil.example"}).status_code == 403
        assert officer.post(f"/api/links/{number}/revoke", json={}).status_code == 403
    noted = [(one.what, one.about) for one in people.audit.entries(by="sun") if one.number > before]
    assert noted == [("refused", "/api/links/0/revoke"), ("refused", "(another page)")]
    at_ms = wall_ms() + 61_000
    monkeypatch.setattr(doors, "_clock", lambda: at_ms)
    officer.get("/api/me")
    counted = [one.detail for one in people.audit.entries(by="sun", limit=2)]
    assert counted == [{"again": 4}, {"again": 4}]


def test_a_log_that_cannot_be_written_keeps_nobody_from_an_alert(opened, browser, people, sent, monkeypatch):
    from ingest.sqlite import StorageError

    officer = browser("wang")

    def full(*_args, **_detail):
        raise StorageError("disk is full")

    monkeypatch.setattr(opened[3].state.board.doors.people.audit, "note", full)
    assert officer.post("/api/alerts/al-1/acknowledge", json={}).status_code == 202
    assert officer.get("/api/device/door-1").status_code == 200
    assert len(sent.commands) == 1


def test_a_board_closes_with_its_first_account_and_stays_closed(tmp_path, monkeypatch):
    monkeypatch.setattr("console.board.who._CHECK_MS", 0)
    monkeypatch.setattr("console.board.routes.api_routes.HEARTBEAT_S", 0.1)
    with open_board(tmp_path) as (browser, people, sent, _):
        anybody = browser()
        assert anybody.get("/api/me").json()["accounts"] is False
        assert anybody.get("/api/site").status_code == 200
        for path, body in (
            ("/api/sign-in", {"id": "a", "password": "b"}),
            ("/api/link", {"token": "x"}),
            ("/api/did", {"what": "help"}),
        ):
            assert anybody.post(path, json=body).json()["error"] == "no_accounts"
        assert anybody.post("/api/alerts/al-1/acknowledge", json={"by": "Li"}).status_code == 202
        assert (sent.commands[0].by, sent.commands[0].name) == ("Li", "")
        assert not (tmp_path / "people.db").exists()
        with anybody.stream("GET", "/api/events") as stream:
            people.add(PEOPLE[0], "cli:root", WORDS)
            wait_for(lambda: anybody.get("/api/site").status_code == 401, "the board has seen the account")
            assert "event: signed_out" in list(stream.iter_lines())
        with people.file.change() as connection:
            connection.execute("DELETE FROM people")
        assert anybody.get("/api/site").status_code == 401


def test_a_damaged_file_of_people_opens_nothing(tmp_path):
    (tmp_path / "people.db").write_bytes(b"x" * 8192)
    node = Node(tmp_path)
    node.fill()
    reader = StoreReader(tmp_path / "store.db")
    config = BoardConfig(site=SITE, store_path=str(tmp_path / "store.db"), places_path="", broker=BrokerAddress())
    with served(make_app(reader, as_file(places()), lambda _command: None, config)) as client:
        for path in ("/", "/api/site", "/api/me", "/signin"):
            answer = client.get(path, headers={"Accept-Language": "en"})
            assert (answer.status_code, answer.json()["error"]) == (503, "people")
        assert "Call technical support" in answer.json()["message"]
    reader.close()
    node.close()


def test_the_sheet_of_a_shift_says_up_to_where_the_audit_log_goes(browser, people):
    document = browser("wang").get("/api/plan").json()
    head = read_head(document["audit"])
    assert people.audit.holds(head)
    assert people.audit.verify(head) == []
