"""`patrolgrid influx setup` against real servers: what it makes, that it makes it once, and what the tokens may do."""

from __future__ import annotations

import pytest

from console.cli.main import main
from deploy.influx.setup import InfluxSetupError, set_up
from stream.sinks.influx.http import UnavailableError, connect
from tests.influx.servers import TOKEN, One, running
from tests.support import free_port


def test_two_point_seven(two, tmp_path):
    address = two.address("setup2")
    missing = set_up(address, TOKEN, check=True)
    assert len(missing.done) == 7
    made = set_up(address, TOKEN)
    assert made.done == missing.done
    assert set_up(address, TOKEN).done == []
    writer, reader = (
        connect(two.address("setup2", token=made.write_token)),
        connect(two.address("setup2", token=made.read_token)),
    )
    writer.write(b"people,site=s in=1i 1795420800")
    with pytest.raises(UnavailableError, match=r"status 40[134]"):
        reader.write(b"people,site=s in=1i 1795420800")
    other = connect(two.address("first", token=made.write_token))
    with pytest.raises(UnavailableError, match="status 40"):
        other.write(b"people,site=s in=1i 1795420800")
    for endpoint in (writer, reader, other):
        endpoint.close()


def test_one_point_six(one):
    address = one.address("setup1")
    made = set_up(address, "")
    assert set_up(address, "").done == []
    assert "database setup1" in made.done
    policies = one.query("setup1", "SHOW RETENTION POLICIES")
    assert {row["name"]: row["default"] for row in policies} == {
        "autogen": False, "raw": True, "middle": False, "long": False,
    }  # fmt: skip
    assert made.write_token == ""


def test_an_influxdb_that_is_not_there_and_a_wrong_token_are_told(two):
    away = two.address("x", url=f"http://127.0.0.1:{free_port()}")
    for version in ("1", "2"):
        with pytest.raises(InfluxSetupError, match="cannot be reached"):
            set_up(two.address("x", url=away.url, version=version), TOKEN)
    with pytest.raises(InfluxSetupError, match="the token is wrong"):
        set_up(two.address("x"), "wrong")
    with pytest.raises(InfluxSetupError, match="there is no organization 'nobody'"):
        set_up(two.address("x", org="nobody"), TOKEN)


def test_users_of_one_point_six_get_no_more_than_they_need(tmp_path):
    with running(One, tmp_path) as server:
        server.database("ours")
        server.query("", "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
        made = set_up(server.address("ours"), "secret", admin_user="admin")
        assert made.write_token
        assert made.read_token
        rights = server.query("", "SHOW GRANTS FOR patrolgrid_write")
        assert [(row["database"], row["privilege"]) for row in rights] == [("ours", "WRITE")]
        rights = server.query("", "SHOW GRANTS FOR patrolgrid_read")
        assert [(row["database"], row["privilege"]) for row in rights] == [("ours", "READ")]


def test_the_command(two, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["influx", "setup", "--lang", "en"]) == 2
    monkeypatch.setenv("PATROLGRID_INFLUX__URL", two.url)
    monkeypatch.setenv("PATROLGRID_INFLUX__ORG", "pg")
    monkeypatch.setenv("PATROLGRID_INFLUX__BUCKET", "by-command")
    assert main(["influx", "setup", "--lang", "en"]) == 2
    monkeypatch.setenv("INFLUX_TOKEN", TOKEN)
    assert main(["influx", "setup", "--check", "--lang", "en"]) == 1
    assert main(["influx", "setup", "--lang", "en", "--tokens-dir", str(tmp_path)]) == 0
    assert "influx.read_token_file" in capsys.readouterr().out
    assert (tmp_path / "influx-write.token").stat().st_mode & 0o77 == 0
    assert main(["influx", "setup", "--lang", "en"]) == 0
