"""Tokens of programs: what they open, and when they open nothing."""

import sqlite3

import httpx
import pytest

from console.people.attempts import MOST_PLACE
from console.people.people import People, PeopleError, Person, SignInError
from console.people.rights import RIGHTS, ROLES
from console.people.tokens import MARK, NEVER, TokenError, Tokens
from tests.people.test_doors import HEADERS, WORDS, browser, opened, people, quick_hashes, sent
from tests.people.test_people import Clock

__all__ = ["browser", "opened", "people", "quick_hashes", "sent"]
HOME = "10.0.0.7"
DAY_MS = 86_400_000


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site(tmp_path, clock):
    made = People(tmp_path / "lakeside", clock)
    made.add(Person("wang", "王磊", "duty"), "cli:root", WORDS)
    yield made
    made.file.close()


def why(tokens, token):
    with pytest.raises(TokenError) as error:
        tokens.bearer(token, HOME)
    return error.value.why


def noted(site, what):
    return [(one.by, one.about) for one in site.audit.entries() if one.what == what]


def test_a_token_may_what_its_scope_and_its_persons_role_have_in_common(site):
    tokens = Tokens(site)
    visitor = tokens.bearer(tokens.make("wang", ["alerts", "clear"], 60, "notebook", by="cli:root"), HOME)
    assert (visitor.person.id, visitor.purpose) == ("wang", "token")
    assert visitor.rights == {"alerts", "clear"}
    assert tokens.all()[0].scope == ("alerts", "clear")


def test_when_the_role_shrinks_the_token_does(site):
    tokens = Tokens(site)
    token = tokens.make("wang", ["alerts", "clear"], 60, by="cli:root")
    site.change(Person("wang", "王磊", "engineer"), "cli:root")
    assert tokens.bearer(token, HOME).rights == {"alerts"}


@pytest.mark.parametrize("scope", [[], ["bench"], ["alerts", "links"], ["everything"], ["alerts", ""]])
def test_a_scope_beyond_the_role_is_refused_by_name(site, scope):
    with pytest.raises(PeopleError, match=r"scope is .* expected some of what role duty may: hotspots, alerts"):
        Tokens(site).make("wang", scope, 60, by="cli:root")
    with pytest.raises(PeopleError, match="no person"):
        Tokens(site).make("nobody", ["alerts"], 60, by="cli:root")
    with pytest.raises(PeopleError, match="name is"):
        Tokens(site).make("wang", ["alerts"], 60, "a\nb", by="cli:root")


def test_no_token_makes_links(site):
    assert {"links"} == NEVER < ROLES["duty"]


def test_what_is_stored_opens_nothing(site):
    token = Tokens(site).make("wang", ["alerts"], 60, by="cli:root")
    content = b"".join(path.read_bytes() for path in site.file.path.parent.glob("people.db*"))
    assert token.startswith(MARK)
    assert token.encode() not in content
    assert token[len(MARK) :].encode() not in content


def test_it_ends_with_its_time_when_it_is_revoked_and_with_its_person(site, clock):
    tokens = Tokens(site)
    old, mine, other = (tokens.make("wang", ["alerts"], 60, name, by="cli:root") for name in ("a", "b", "c"))
    tokens.revoke(next(one.id for one in tokens.all() if one.name == "b"), "cli:root")
    assert why(tokens, mine) == "revoked"
    assert not tokens.revoke("nothing", "cli:root")
    clock.ms += 60_000
    assert why(tokens, old) == "expired"
    clock.ms -= 30_000
    assert tokens.bearer(other, HOME).person.id == "wang"
    site.revoke("wang", "cli:root")
    site.change(Person("wang", "王磊", "duty"), "cli:root")
    assert why(tokens, other) == why(tokens, "pgt_x") == why(tokens, "") == why(tokens, "é" * 999) == "unknown"
    assert tokens.all() == []


def test_the_log_has_what_became_of_it(site, clock):
    tokens = Tokens(site)
    token = tokens.make("wang", ["alerts"], 30 * 86_400, by="cli:root")
    identifier = tokens.all()[0].id
    for _ in range(5):
        tokens.bearer(token, HOME)
        clock.ms += 61_000
    assert noted(site, "token-make") == [("cli:root", identifier)]
    assert noted(site, "token-use") == [("wang", identifier)]
    assert tokens.all()[0].used_ms == clock.ms - 61_000
    clock.ms += DAY_MS
    tokens.bearer(token, HOME)
    assert len(noted(site, "token-use")) == 2
    tokens.revoke(identifier, "cli:root")
    why(tokens, token)
    assert noted(site, "token-revoke") == [("cli:root", identifier)]
    assert noted(site, "token-refused") == [("wang", identifier)]
    assert site.audit.verify() == []


def test_wrong_ones_have_to_wait_and_keep_nobody_from_signing_in(site):
    tokens = Tokens(site)
    good = tokens.make("wang", ["alerts"], 60, by="cli:root")
    for _ in range(MOST_PLACE):
        why(tokens, "pgt_guess")
    with pytest.raises(SignInError, match="too many"):
        tokens.bearer("pgt_guess", HOME)
    assert tokens.bearer(good, HOME).person.id == "wang"
    assert site.sign_in("wang", WORDS, HOME)
    assert len(noted(site, "token-refused")) == MOST_PLACE


def test_a_file_of_the_version_before_gets_the_table(tmp_path, clock):
    with sqlite3.connect(tmp_path / "people.db") as old:
        made = People(tmp_path / "new", clock)
        made.file.close()
        with sqlite3.connect(tmp_path / "new" / "people.db") as new:
            new.execute("DROP TABLE tokens")
            new.backup(old)
    old.close()
    new.close()
    site = People(tmp_path, clock)
    site.add(Person("wang", "王磊", "duty"), "cli:root", WORDS)
    assert Tokens(site).make("wang", ["alerts"], 60, by="cli:root")
    site.file.close()


def program(opened, token):
    return httpx.Client(base_url=opened[3].state.url, headers=HEADERS | {"Authorization": f"Bearer {token}"})


def test_a_program_asks_with_it(opened, people, sent):
    tokens = Tokens(people)
    with program(opened, tokens.make("wang", ["alerts", "acknowledge"], 600, by="cli:root")) as asking:
        assert asking.get("/api/alerts").status_code == 200
        assert asking.get("/api/me").json()["rights"] == ["alerts", "acknowledge"]
        assert asking.get("/api/me").json()["menu"] == []
        assert asking.post("/api/alerts/al-1/acknowledge", json={}).status_code == 202
        assert sent.commands[-1].by == "wang"
        for path in ("/api/plan", "/api/site", "/", "/api/people"):
            assert asking.get(path).status_code == 403, path
        answer = asking.post("/api/password", json={"old": WORDS, "new": "fog over a long river"})
        assert (answer.status_code, answer.json()["error"]) == (403, "no_right")
        identifier = tokens.all("wang")[0].id
        entry = next(one for one in people.audit.entries() if one.what == "acknowledge")
        assert entry.detail["token"] == identifier
        tokens.revoke(identifier, "cli:root")
        answer = asking.get("/api/alerts")
        assert (answer.status_code, answer.json()["error"]) == (401, "token_revoked")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_in_an_address_a_token_opens_nothing(opened, people, browser):
    token = Tokens(people).make("wang", ["alerts"], 600, by="cli:root")
    assert browser().get(f"/api/alerts?token={token}").status_code == 401
    assert browser("chen").get(f"/api/alerts?token={token}").json()["error"] == "unknown_parameter"


def test_another_scheme_is_none_of_ours(browser):
    asking = browser("wang", Authorization="Basic d2FuZzp4")
    assert asking.get("/api/alerts").status_code == 200
    asking.headers["Authorization"] = "bearer pgt_guess"
    assert asking.get("/api/alerts").json()["error"] == "token_unknown"


def test_its_stream_ends_when_it_is_revoked(opened, people, monkeypatch):
    monkeypatch.setattr("console.board.routes.api_routes.HEARTBEAT_S", 0.1)
    monkeypatch.setattr("console.board.who._CHECK_MS", 50)
    tokens = Tokens(people)
    token = tokens.make("wang", ["hotspots"], 600, "stream", by="cli:root")
    with program(opened, token) as asking, asking.stream("GET", "/api/events", timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: overview"
        tokens.revoke(next(one.id for one in tokens.all() if one.name == "stream"), "cli:root")
        assert any(line == "event: signed_out" for line in lines)


def test_every_right_but_links_may_be_a_scope(site):
    for role, rights in ROLES.items():
        site.add(Person(role, role, role), "cli:root")
        assert Tokens(site).make(role, rights - NEVER, 60, by="cli:root")
    scopes = {right for one in Tokens(site).all() for right in one.scope}
    assert set(RIGHTS) - scopes == NEVER
