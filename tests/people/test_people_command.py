"""`patrolgrid people` as an administrator types it."""

import io
import json

import pytest

from console.cli.main import main
from console.people.people import People
from console.people.rights import ROLES
from console.people.tokens import TokenError, Tokens
from tests.people.test_people import WORDS, quick_hashes

__all__ = ["quick_hashes"]
SETTINGS = '[site]\nid = "lakeside"\nlanguage = "en"\n[patrol]\nofficers = ["p1: Li Wei", "p2: Zhao"]\n'


@pytest.fixture
def patrolgrid(tmp_path, capsys, monkeypatch):
    """Return a way to run the command; it gives the exit code and what was printed."""
    monkeypatch.setenv("LANG", "C")
    config = tmp_path / "patrolgrid.toml"
    config.write_text(SETTINGS, encoding="utf-8")

    def run(action, *arguments):
        code = main(["people", action, *arguments, "--config", str(config), "--data-dir", str(tmp_path)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def people(tmp_path):
    made = People(tmp_path / "lakeside")
    yield made
    made.file.close()


def token_in(out):
    return next(line for line in out.splitlines() if "/go#" in line).partition("#")[2]


def test_an_account_is_made_with_a_link_that_sets_its_password(patrolgrid, people):
    code, out, err = patrolgrid("add", "wang", "王磊", "--role", "duty", "--board", "https://board.example:8060/")
    assert code == 0
    assert "wang (王磊) has an account." in out
    assert "https://board.example:8060/go#" in out
    assert "it lasts 24 hours" in err
    begun = people.set_by_link(people.open_link(token_in(out), "10.0.0.7"), WORDS)
    visitor = people.visitor(begun)
    assert visitor is not None
    assert visitor.rights == ROLES["duty"]
    assert people.audit.entries()[-1].by.startswith("cli:")


def test_a_password_comes_from_a_file_or_from_the_input(patrolgrid, people, tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text(f"{WORDS}\nmore\n", encoding="utf-8")
    code, out, _ = patrolgrid("add", "wang", "Wang", "--role", "duty", "--password-file", str(file))
    assert (code, "/go#" in out) == (0, False)
    monkeypatch.setattr("sys.stdin", io.StringIO("fog over a river\n"))
    assert patrolgrid("add", "chen", "Chen", "--role", "chief", "--password-file", "-")[0] == 0
    assert people.sign_in("wang", WORDS, "h")
    assert people.sign_in("chen", "fog over a river", "h")


def test_an_account_is_changed_and_listed(patrolgrid, people):
    patrolgrid(
        "add", "p1", "Li Wei", "--role", "patrol", "--officer", "p1", "--address", "wecom=liwei", "--language", "en"
    )
    assert patrolgrid("change", "p1", "--role", "duty", "--address", "mail=li@x", "--address", "wecom=")[0] == 0
    found = people.person("p1")
    assert (found.role, found.officer, found.addresses, found.name) == ("duty", "p1", {"mail": "li@x"}, "Li Wei")
    code, out, _ = patrolgrid("list")
    assert code == 0
    assert [line.split() for line in out.splitlines()][1] == [
        "p1",
        "Li",
        "Wei",
        "Duty",
        "officer",
        "p1",
        "in",
        "use",
        "mail",
    ]
    assert "a password" in out
    shown = json.loads(patrolgrid("list", "--json")[1])
    assert (shown["people"][0]["id"], shown["links"][0]["purpose"]) == ("p1", "password")


def test_links_and_accounts_are_revoked_and_brought_back(patrolgrid, people):
    patrolgrid("add", "p1", "Li Wei", "--role", "patrol")
    code, out, err = patrolgrid("link", "p1", "--hours", "2")
    assert code == 0
    assert "It opens on this machine only" in err
    token = token_in(out)
    opened = people.open_link(token, "h")
    assert patrolgrid("revoke", token[:12])[0] == 0
    assert people.visitor(opened) is None
    assert patrolgrid("revoke", "p1")[0] == 0
    assert not people.person("p1").active
    assert "revoked" in patrolgrid("list")[1]
    assert patrolgrid("link", "p1")[0] == 1
    assert patrolgrid("change", "p1", "--active")[0] == 0
    assert people.person("p1").active


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("add", "a b", "A", "--role", "duty"), 1, "id is 'a b'"),
        (("add", "a", "A", "--role", "patrol", "--officer", "p9"), 2, "there is no officer 'p9'; known are p1, p2"),
        (("add", "a", "A", "--role", "duty", "--address", "x"), 2, "expected CHANNEL=TEXT"),
        (("add", "a", "A", "--role", "duty", "--password-file", "/nowhere"), 2, "/nowhere"),
        (("change", "nobody", "--name", "A"), 1, "there is no person 'nobody'"),
        (("link", "nobody"), 1, "there is no person 'nobody' in use"),
        (("link", "nobody", "--hours", "0"), 2, "expected more than 0"),
        (("revoke", "nobody"), 1, "there is no person and no link 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(patrolgrid, arguments, code, says):
    found, out, err = patrolgrid(*arguments)
    assert found == code
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1


def test_before_the_first_account_the_list_says_so(patrolgrid, tmp_path):
    assert patrolgrid("list")[1].startswith("Site lakeside has no accounts: its board answers on this machine alone.")
    assert not (tmp_path / "lakeside" / "people.db").exists()


def test_a_damaged_file_of_people_is_told_and_left_where_it_is(patrolgrid, people, tmp_path, capsys):
    patrolgrid("add", "wang", "Wang", "--role", "duty")
    people.file.close()
    path = tmp_path / "lakeside" / "people.db"
    for beside in ("people.db-wal", "people.db-shm"):
        path.with_name(beside).unlink(missing_ok=True)
    path.write_bytes(b"x" * 8192)
    path.with_name("node.json").write_text("{}", encoding="utf-8")
    assert patrolgrid("list")[0] == 1
    here = ["--config", str(tmp_path / "patrolgrid.toml"), "--data-dir", str(tmp_path)]
    assert main(["repair", "--site", "lakeside", *here]) == 1
    assert "people.db" in capsys.readouterr().out
    assert path.read_bytes() == b"x" * 8192


def test_a_token_is_shown_once_listed_and_revoked(patrolgrid, people):
    patrolgrid("add", "sun", "Sun", "--role", "engineer")
    code, out, error = patrolgrid("token", "sun", "--scope", "alerts, hotspots", "--valid", "12h", "--name", "notebook")
    token = out.strip()
    assert code == 0
    assert Tokens(people).visitor(token).rights == {"alerts", "hotspots"}
    assert "this once" in error
    (listed,) = json.loads(patrolgrid("list", "--json")[1])["tokens"]
    assert listed["scope"] == ["hotspots", "alerts"]
    assert listed["ends_ms"] - listed["made_ms"] == 12 * 3_600_000
    shown = patrolgrid("list")[1]
    assert "notebook" in shown
    assert token not in shown
    assert patrolgrid("revoke", listed["id"])[0] == 0
    with pytest.raises(TokenError):
        Tokens(people).visitor(token)


@pytest.mark.parametrize("valid", ["0d", "30", "367d", "-1h", "1e3h", "", "٣d"])
def test_a_time_that_is_none_is_refused(patrolgrid, people, valid):
    patrolgrid("add", "sun", "Sun", "--role", "engineer")
    code, out, error = patrolgrid("token", "sun", "--scope", "alerts", f"--valid={valid}")
    assert (code, out) == (2, "")
    assert "--valid" in error
