"""Notes, hand-overs and who takes them, over the board's API: by people who are signed in, and where nobody is."""

import pytest

from console.board.commands import BrokerAwayError
from console.people.people import Person
from ingest.events import LONG_NOTE
from tests.people.test_doors import HEADERS, WORDS, newest, open_board, quick_hashes
from tests.support import wait_for

__all__ = ["quick_hashes"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with open_board(tmp_path_factory.mktemp("site")) as made:
        for person in (Person("wang", "王磊", "duty"), Person("li", "Li Na", "duty"), Person("sun", "Sun", "engineer")):
            made[1].add(person, "cli:root", WORDS)
        yield made


@pytest.fixture
def site(opened):
    browser, people, sent, app = opened
    people.file.rows("SELECT 1")
    with people.file.change() as connection:
        connection.execute("DELETE FROM attempts")
    sent.__init__()
    return browser, people, sent, app.state.node


def written(node, sent, browser):
    """Let the node write what was sent, and wait until the board has seen it."""
    node.write(book=[*sent.commands])
    ids = {one.id for one in sent.commands}
    wait_for(lambda: ids <= {row["id"] for row in all_of(browser)}, "the book has it")


def all_of(browser):
    book = browser.get("/api/shift").json()
    return book["notes"] + book["hand_overs"] + book["received"]


def test_a_note_is_sent_once_with_its_lines_and_the_audit_log_has_not_its_words(site):
    browser, people, sent, _ = site
    wang = browser("wang")
    body = {"note": " the key\u202e is \n\n with the neighbour ", "alert": "al-1", "id": "press-1"}
    answers = [wang.post("/api/book", json=body) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json(), "a phone repeats what it had no answer to"
    (note,) = sent.commands
    assert (note.action, note.alert, note.by, note.name) == ("note", "al-1", "wang", "王磊")
    assert note.note == "the key is\nwith the neighbour"
    assert newest(people) == ("wang", "note", "al-1")
    assert people.audit.entries(limit=1)[0].detail == {"command": note.id}


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/book", {"note": " \n\u200e"}, 422, "no_note"),
        ("/api/book", {"note": "x", "alert": "none"}, 404, "no_alert"),
        ("/api/book", {"note": "x" * (LONG_NOTE + 1)}, 422, "note_too_long"),
        ("/api/book", {"note": "x", "by": "chief"}, 422, "name_by_hand"),
        ("/api/shift/hand-over", {"shift": "day-2026"}, 404, "no_shift"),
        ("/api/shift/hand-over", {"shift": "day-2026-11-20"}, 409, "shift_too_old"),
        ("/api/shift/hand-over", {"shift": "day-2026-12-20"}, 409, "shift_coming"),
        ("/api/shift/hand-over", {"shift": "day-2026-11-23", "to": "x" * 65}, 422, "note_too_long"),
        ("/api/shift/take", {"hand_over": "none"}, 404, "no_hand_over"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(site, path, body, status, error):
    answer = site[0]("wang").post(path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]
    assert site[2].commands == []


def test_a_shift_is_handed_over_with_what_is_open_read_and_taken_by_the_next(site):
    browser, people, sent, node = site
    wang, li = browser("wang"), browser("li")
    running = wang.get("/api/shift").json()["shift"]
    assert (running["id"], running["usual"], running["state"]) == ("day-2026-11-23", "day", "running")
    body = {"shift": running["id"], "to": "Li Na", "note": "the gate sticks", "sign_out": True}
    answer = wang.post("/api/shift/hand-over", json=body)
    assert answer.status_code == 202
    (over,) = sent.commands
    assert (over.about, over.to, over.by) == (running["id"], "Li Na", "wang")
    assert [(one.what, one.id) for one in over.handed] == [("device", "noise-1"), ("alert", "al-1")]
    assert wang.get("/api/shift").status_code == 401, "signed out with the same press"
    noted = {one.what: one for one in people.audit.entries(limit=4)}
    assert (noted["hand_over"].by, noted["hand_over"].detail) == (
        "wang",
        {"command": over.id, "open": 2, "to": "Li Na"},
    )
    assert noted["sign-out"].by == "wang"
    written(node, sent, li)

    again = browser("wang").post("/api/shift/take", json={"hand_over": over.id})
    assert (again.status_code, again.json()["error"]) == (409, "own_hand_over")
    assert li.post("/api/shift/take", json={"hand_over": over.id}).status_code == 202
    assert newest(people) == ("li", "take", over.id)
    node.write(book=[sent.commands[-1]])
    found = li.get("/api/shift", params={"shift": running["id"]}).json()
    (told,) = [one for one in found["hand_overs"] if one["id"] == over.id]
    assert (told["name"], told["taken_by"], told["note"]) == ("王磊", "Li Na", "the gate sticks")
    people.add(Person("chen", "Chen", "chief"), "cli:root", WORDS)
    late = browser("chen").post("/api/shift/take", json={"hand_over": over.id})
    assert (late.status_code, late.json()["message"]) == (409, "Li Na has taken it over already.")


def test_who_could_not_hand_over_stays_signed_in(opened, site, monkeypatch):
    wang = site[0]("wang")

    def away(_command):
        raise BrokerAwayError("away")

    monkeypatch.setattr(opened[3].state.board, "publish", away)
    answer = wang.post("/api/shift/hand-over", json={"shift": "day-2026-11-23", "sign_out": True})
    assert (answer.status_code, answer.json()["error"]) == (503, "broker_away")
    assert wang.get("/api/shift").status_code == 200


def test_the_shifts_of_a_day_and_no_more_than_two_months(site):
    wang = site[0]("wang")
    found = wang.get("/api/shifts", params={"from": "2026-11-22", "to": "2026-11-22"}).json()
    assert [one["id"] for one in found] == ["night-2026-11-21", "day-2026-11-22", "night-2026-11-22"]
    for span in ({"from": "2026-01-01", "to": "2026-11-22"}, {"from": "2026-11-22", "to": "2026-11-20"}):
        assert wang.get("/api/shifts", params=span).json()["error"] == "bad_span"


def test_notes_stand_at_their_alert_for_who_may_read_the_book(site):
    browser, _, sent, node = site
    wang = browser("wang")
    assert wang.post("/api/book", json={"note": "a fair", "alert": "al-1"}).status_code == 202
    written(node, sent, wang)
    assert [one["note"] for one in wang.get("/api/alerts/al-1").json()["notes"]][-1:] == ["a fair"]
    assert browser("sun").get("/api/alerts/al-1").json()["notes"] == []


def test_an_engineer_has_no_shift_book(site):
    sun = site[0]("sun")
    assert sun.get("/api/shift").status_code == 403
    assert sun.post("/api/shift/take", json={"hand_over": "x"}).status_code == 403


def test_without_accounts_people_say_who_they_are(tmp_path):
    with open_board(tmp_path) as (browser, _, sent, _app):
        anybody = browser()
        assert anybody.get("/api/shift").status_code == 200
        refused = anybody.post("/api/book", json={"note": "quiet"}, headers=HEADERS)
        assert refused.json()["error"] == "no_name"
        body = {"shift": "day-2026-11-23", "by": "Zhao", "sign_out": True}
        assert anybody.post("/api/shift/hand-over", json=body).status_code == 202
        (over,) = sent.commands
        assert (over.by, over.shown) == ("Zhao", "Zhao")
