"""Links that stand for a person: what they open, and every way in which they open nothing."""

import msgspec
import pytest

from console.people.attempts import MOST_PLACE
from console.people.links import LinkError
from console.people.passwords import PasswordError
from console.people.people import People, PeopleError, Person, SignInError
from console.people.rights import PURPOSES, ROLES
from tests.people.test_people import HOME, LI, WANG, WORDS, clock, quick_hashes, said, site

__all__ = ["clock", "quick_hashes", "site"]


def refused(site, token, purpose="patrol"):
    with pytest.raises(LinkError) as error:
        site.of_link(token, purpose)
    return error.value.why


def test_a_link_stands_for_its_person_until_its_end(site, clock):
    token = site.link("p1", "patrol", 3600, by="wang")
    assert site.of_link(token, "patrol") == LI
    opened = site.open_link(token, HOME)
    clock.ms += 3_599_000
    assert site.of_link(token, "patrol") == site.of_session(opened) == LI
    clock.ms += 1000
    assert site.of_session(opened) is None
    assert refused(site, token) == "expired"
    assert said(site)[-1] == ("p1", "link-refused", "")


def test_links_that_are_long_over_are_forgotten(site, clock):
    old = site.link("p1", "patrol", 3600, by="wang")
    clock.ms += 29 * 86_400_000
    site.link("p1", "patrol", 3600, by="wang")
    assert refused(site, old) == "expired"
    clock.ms += 2 * 86_400_000
    site.link("p1", "patrol", 3600, by="wang")
    assert refused(site, old) == "forged"
    assert site.file.rows("SELECT count(*) FROM links") == [(2,)]


def test_a_link_opens_for_its_purpose_alone(site):
    token = site.link("p1", "alert", 3600, about="al-1", by="wang")
    assert refused(site, token, "patrol") == "purpose"
    visitor = site.visitor(site.open_link(token, HOME))
    assert visitor.rights == ROLES["patrol"] & PURPOSES["alert"]
    assert visitor.may("acknowledge", "al-1")
    assert not visitor.may("acknowledge", "al-2")
    assert not visitor.may("acknowledge")
    assert not visitor.may("clear", "al-1")


def test_a_link_gives_no_more_than_the_role(site):
    token = site.link("p1", "patrol", 3600, by="wang")
    site.change(msgspec.structs.replace(LI, role="partner"), "wang")
    visitor = site.visitor(site.open_link(token, HOME))
    assert visitor.rights == {"hotspots"}


def test_a_revoked_link_ends_what_it_opened(site):
    token, other = site.link("p1", "patrol", 3600, by="wang"), site.link("p1", "patrol", 3600, by="wang")
    opened, stays = site.open_link(token, HOME), site.open_link(other, HOME)
    (link,) = [one for one in site.links("p1") if token.startswith(one.id)]
    site.revoke(link.id, "wang")
    assert site.of_session(opened) is None
    assert refused(site, token) == "revoked"
    assert site.of_session(stays) == LI
    assert [one.id for one in site.links()] == [one.id for one in site.links("p1")] != [link.id]


def test_a_token_with_one_letter_changed_is_forged(site):
    token = site.link("p1", "patrol", 3600, by="wang")
    for where, letter in enumerate(token):
        other = "A" if letter != "A" else "Q"
        assert refused(site, token[:where] + other + token[where + 1 :]) == "forged"


@pytest.mark.parametrize("token", ["", "x", "A" * 39, "A" * 10_000, "链接", "a b", "\x00", "=" * 39])
def test_what_is_no_token_is_forged(site, token):
    assert refused(site, token) == "forged"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE links SET person = 'wang'",
        "UPDATE links SET purpose = 'alert'",
        "UPDATE links SET about = 'x'",
        "UPDATE links SET ends_ms = ends_ms + 1",
        "UPDATE links SET made_ms = 0",
    ],
)
def test_a_row_that_was_edited_is_worth_nothing(site, change):
    token = site.link("p1", "patrol", 3600, by="wang")
    with site.file.change() as connection:
        connection.execute(change)
    assert refused(site, token) == "forged"


def test_a_link_of_another_site_is_forged(site, tmp_path, clock):
    other = People(tmp_path / "riverside", clock)
    other.add(LI, "cli:root")
    assert refused(site, other.link("p1", "patrol", 3600, by="wang")) == "forged"
    other.file.close()


def test_somebody_elses_link_does_not_change_who_is_signed_in(site):
    token = site.link("p1", "patrol", 3600, by="wang")
    with pytest.raises(LinkError, match="other"):
        site.open_link(token, HOME, beside=WANG)
    assert said(site)[-1][:2] == ("wang", "link-refused")
    assert site.open_link(token, HOME, beside=LI)


def test_guessing_links_is_stopped(site):
    reasons = []
    for _ in range(MOST_PLACE + 5):
        with pytest.raises((LinkError, SignInError)) as error:
            site.open_link("A" * 39, "10.6.6.6")
        assert isinstance(error.value, LinkError | SignInError)
        reasons.append(error.value.why)
    assert reasons == ["forged"] * MOST_PLACE + ["locked"] * 5
    assert len([one for one in said(site) if one[1] == "link-refused"]) == MOST_PLACE
    assert site.open_link(site.link("p1", "patrol", 3600, by="wang"), HOME)


def test_others_wrong_passwords_from_the_same_address_keep_nobodys_link_from_opening(site):
    token = site.link("p1", "patrol", 3600, by="wang")
    for number in range(MOST_PLACE + 1):
        with pytest.raises(SignInError):
            site.sign_in(f"nobody-{number}", "x", HOME)
    assert site.of_session(site.open_link(token, HOME)) == LI


def test_a_chat_program_that_opens_a_link_again_and_again_fills_nothing(site):
    token = site.link("p1", "patrol", 3600, by="wang")
    opened = [site.open_link(token, HOME) for _ in range(25)]
    assert site.file.rows("SELECT count(*) FROM sessions") == [(20,)]
    assert site.of_session(opened[-1]) == LI


def test_who_has_got_hold_of_a_link_ends_none_of_its_persons_other_sessions(site):
    own = site.sign_in("wang", WORDS, HOME)
    first, leaked = (site.link("wang", "alert", 3600, about=f"al-{number}", by="wang") for number in range(2))
    other = site.open_link(first, HOME)
    for _ in range(25):
        site.open_link(leaked, "203.0.113.9")
    assert site.of_session(own) == site.of_session(other) == WANG


def test_a_password_is_set_by_a_link_once(site):
    token = site.link("p1", "password", 3600, by="cli:root")
    opened = site.open_link(token, HOME)
    assert not site.visitor(opened).rights
    with pytest.raises(PasswordError):
        site.set_by_link(opened, "short")
    begun = site.set_by_link(opened, "a river in the fog")
    assert site.visitor(begun).rights == ROLES["patrol"]
    assert site.of_session(opened) is None
    assert refused(site, token, "password") == "revoked"
    assert site.sign_in("p1", "a river in the fog", HOME)


def test_a_new_password_ends_the_other_links_that_would_set_one(site):
    first, second = (site.link("p1", "password", 3600, by="cli:root") for _ in range(2))
    patrol = site.link("p1", "patrol", 3600, by="wang")
    site.set_by_link(site.open_link(first, HOME), "a river in the fog")
    assert refused(site, second, "password") == "revoked"
    assert site.of_link(patrol, "patrol") == LI


def test_another_session_sets_no_password_as_a_link_does(site):
    for token in (site.sign_in("wang", WORDS, HOME), site.open_link(site.link("p1", "patrol", 60, by="wang"), HOME)):
        with pytest.raises(LinkError, match="purpose"):
            site.set_by_link(token, "a river in the fog")


def test_a_key_that_is_none_is_told(site, tmp_path):
    site.link("p1", "patrol", 3600, by="wang")
    key = tmp_path / "lakeside" / "people.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"")
    again = People(tmp_path / "lakeside")
    with pytest.raises(ValueError, match=r"people\.key: is no key of 32 bytes"):
        again.link("p1", "patrol", 3600, by="wang")
    again.file.close()


def test_a_patrols_link_is_only_made_for_who_has_that_page(site):
    site.add(Person("chief", "Chief", "chief"), "cli:root")
    with pytest.raises(PeopleError, match="'chief' is chief, which has no patrol's page"):
        site.link("chief", "patrol", 60, by="wang")
    assert site.link("chief", "password", 60, by="wang")
