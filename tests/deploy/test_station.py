"""A station's folder: nothing is overwritten, Mosquitto takes its accounts, systemd its units."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from paho.mqtt import MQTTException
from paho.mqtt.publish import single

from console.cli.main import main
from console.devices.credentials import Credentials
from console.devices.device_certificates import DeviceCertificates
from console.people.pki import Pki, PkiError
from deploy.processes import listening
from deploy.processes.broker import mosquitto_command
from deploy.settings import load_settings
from deploy.station.example_places import zone_hint
from deploy.station.station_accounts import add_accounts, password_line, tell_broker
from deploy.station.station_files import StationFolder, certificate_port, check_folder, tls_port
from ingest.places import DEVICE_TYPES, load_places
from tests.support import free_port, require_program, wait_for


def init(folder, *options):
    zone = [] if (folder / "patrolgrid.toml").exists() else ["--timezone", "Asia/Shanghai"]
    assert main(["init", str(folder), "--yes", *zone, *options]) == 0


def files_of(folder):
    return {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "station"
    init(folder, "--lang", "zh-CN", "--site", "qingwu", "--name", "青梧所", "--address", "127.0.0.2")
    return folder


def test_the_settings_can_be_loaded_and_name_files_that_are_there(station):
    settings = load_settings(station / "patrolgrid.toml", {})
    assert (settings.site.id, settings.site.country, settings.site.language) == ("qingwu", "CN", "zh-CN")
    assert (settings.broker.username, settings.board.broker_username) == ("node", "board")
    for path in (
        settings.broker.password_file, settings.board.broker_password_file, settings.board.tls_cert,
        settings.board.tls_key, settings.places_file,
    ):  # fmt: skip
        assert path is not None
        assert path.is_file()
    assert settings.site_dir.is_relative_to(station)
    assert settings.plate_key_file.is_relative_to(station)
    assert not settings.plate_key_file.is_relative_to(settings.data.dir)
    comments = re.findall(r"^# (.*)$", (station / "patrolgrid.toml").read_text("utf-8"), flags=re.MULTILINE)
    assert all(re.search("[\u4e00-\u9fff]", line) for line in comments)


def test_the_example_has_a_device_of_every_type_around_the_place(station):
    places = load_places(station / "places.geojson")
    assert {one.type for one in places.devices.values()} == set(DEVICE_TYPES)
    assert places.name["zh-CN"] == "青梧所"
    west, south, east, north = places.bounds()
    country, lon, lat = zone_hint("Asia/Shanghai") or ("", 0, 0)
    assert country == "CN"
    assert west < lon < east
    assert south < lat < north


def test_what_is_secret_is_for_its_owner_alone(station):
    open_to_all = {
        str(name) for name, path in files_of(station).items()
        if path.stat().st_mode & 0o077 and re.search("secret|key|passw|people", str(name))
    }  # fmt: skip
    assert open_to_all == {f"data.keys/qingwu/tls/{name}" for name in ("board.crt", "ca.crt", "devices.crl")}


def test_every_device_officer_and_reporter_has_an_account(station):
    accounts = {line.partition(":")[0] for line in (station / "mosquitto" / "devices.passwd").read_text().splitlines()}
    assert accounts == {*load_places(station / "places.geojson").devices, "console"}
    assert not accounts & {"node", "board"}
    assert {path.stem for path in (station / "secrets" / "devices").iterdir()} == accounts


def test_a_second_call_leaves_everything_and_makes_what_is_missing(station, capsys):
    before = {name: path.read_bytes() for name, path in files_of(station).items() if name.suffix != ".db-shm"}
    init(station)
    assert {name: path.read_bytes() for name, path in files_of(station).items() if name in before} == before
    assert "已全部就绪" in capsys.readouterr().out, "it speaks the station's language"
    unit = station / "systemd" / "patrolgrid.service"
    unit.unlink()
    init(station)
    assert unit.read_bytes() == before[unit.relative_to(station)]


def test_the_brokers_files_name_nothing_outside_the_folder(station):
    text = (station / "mosquitto" / "patrolgrid.conf").read_text("utf-8")
    active = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert set(re.findall(r" (/\S+)", active)) <= {str(path) for path in (station / "mosquitto").iterdir()} | {
        f"{station}/mosquitto/data/", f"{station}/mosquitto/mosquitto.pid",
    }  # fmt: skip
    assert re.findall(r"^listener (.*)$", active, flags=re.MULTILINE) == [
        "1883 127.0.0.1", "1884 127.0.0.1", "8883 127.0.0.2", "8884 127.0.0.2",
    ]  # fmt: skip
    assert "/etc/mosquitto" not in text


def test_devices_in_the_network_are_let_in_by_their_password_and_new_ones_without_a_restart(tmp_path):
    require_program("mosquitto", "run `make services`")
    port, folder = free_port(), tmp_path / "s"
    init(folder, "--address", "127.0.0.2", "--broker-port", str(port))
    station = StationFolder(folder)
    process = subprocess.Popen(mosquitto_command(station.broker / "patrolgrid.conf"), stderr=subprocess.DEVNULL)

    def say(device, password):
        """Publish as a device in the network; Mosquitto is known by the authority that was handed out."""
        single(
            "patrolgrid/v1/station-1/old-market/x/obs", "{}", qos=1, hostname="127.0.0.2", port=tls_port(port),
            client_id=device, auth={"username": device, "password": password},
            tls={"ca_certs": str(station.broker / "ca.crt")},
        )  # fmt: skip

    def password(device):
        return (station.secrets / "devices" / f"{device}.password").read_text().strip()

    try:
        wait_for(lambda: (station.broker / "mosquitto.pid").exists() and listening("127.0.0.2", tls_port(port)), "it")
        say("camera-01", password("camera-01"))
        with pytest.raises(MQTTException):
            say("camera-01", password("smoke-01"))
        assert station.add_devices(["camera-02"]) == ["camera-02"]
        assert tell_broker(station.broker) is True

        def is_let_in():
            try:
                say("camera-02", password("camera-02"))
            except MQTTException:
                return False
            return True

        wait_for(is_let_in, "Mosquitto to read its accounts anew")
    finally:
        process.terminate()
        process.wait(30)


def test_options_that_would_change_nothing_are_told(station, capsys):
    before = (station / "patrolgrid.toml").read_bytes()
    assert main(["init", str(station), "--yes", "--address", "10.1.2.3", "--lang", "en"]) == 2
    assert "is never overwritten: --address would change nothing" in capsys.readouterr().err
    assert main(["init", str(station), "--broker-port", "2883", "--lang", "en"]) == 2
    assert "--broker-port would change nothing" in capsys.readouterr().err
    assert main(["init", str(station), "--chief", "li 李梅", "--lang", "en"]) == 2
    assert "--chief is for the first account" in capsys.readouterr().err
    assert (station / "patrolgrid.toml").read_bytes() == before


def test_settings_that_were_moved_away_come_back_with_an_address_and_keep_the_accounts(tmp_path, capsys):
    folder = tmp_path / "s"
    init(folder)
    for name in ("patrolgrid.toml", "mosquitto/patrolgrid.conf"):
        (folder / name).unlink()
    people = (folder / "data" / "station-1" / "people.db").read_bytes()
    init(folder, "--address", "127.0.0.2")
    assert (folder / "data" / "station-1" / "people.db").read_bytes() == people
    assert "listener 8884 127.0.0.2" in (folder / "mosquitto" / "patrolgrid.conf").read_text("utf-8")
    assert load_settings(folder / "patrolgrid.toml", {}).board.host == "127.0.0.2"
    capsys.readouterr()


def test_mosquitto_tells_the_passwords_apart(tmp_path):
    """Its own program has made one file, and we the other: a salt gives the same hash in both."""
    require_program("mosquitto_passwd", "run `make services`")
    theirs = tmp_path / "theirs"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(theirs), "camera-01", "a secret"], check=True)
    line = theirs.read_text().strip()
    salt = base64.b64decode(line.split("$")[3])
    assert password_line("camera-01", "a secret", salt) == line


def test_accounts_are_added_and_never_changed(tmp_path):
    file, folder = tmp_path / "passwd", tmp_path / "secrets"
    assert add_accounts(file, ["a", "b", "a"], folder) == ["a", "b"]
    before = file.read_text()
    assert add_accounts(file, ["b", "a"], folder) == []
    assert file.read_text() == before
    assert add_accounts(file, ["c"], folder) == ["c"]
    assert file.read_text().startswith(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len({(folder / f"{name}.password").read_text() for name in "abc"}) == 3


def test_only_mosquitto_is_told(tmp_path):
    assert tell_broker(tmp_path) is None
    (tmp_path / "mosquitto.pid").write_text(str(os.getpid()))
    assert tell_broker(tmp_path) is None, "that number is another process by now"


def test_systemd_reads_the_units(station):
    units = sorted((station / "systemd").iterdir())
    for unit in units:
        text = unit.read_text("utf-8")
        assert f"ReadWritePaths={station}" in text
        assert "/etc/" not in text.replace("/etc/systemd", "")
        assert "StateDirectory" not in text
        assert "/opt/" not in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; apt-get install systemd brings it")
    done = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if "patrolgrid" in line], done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--site", "no blank"], "--site 'no blank'.*site.id"),
        (["--timezone", "Mars/Base"], "--timezone 'Mars/Base'"),
        (["--at", "121"], "expected longitude and latitude"),
        (["--address", "my-pc"], "--address 'my-pc'"),
        (["--address", "8.8.8.8"], "expected an address of a closed network"),
        (["--country", "XX"], "--country 'XX'"),
        (["--broker-port", "99999"], "--broker-port 99999: expected a port from 1 to"),
        (["--broker-port", "65535"], "--broker-port 65535: expected"),  # devices have the next one
        (["--board-port", "0"], "--board-port 0: expected"),
        (["--board-port", "1884"], "--board-port 1884: that is a port of the broker"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_made(tmp_path, capsys, options, told):
    assert main(["init", str(tmp_path / "s"), "--yes", *options]) == 2
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "s").exists()


def test_a_folder_that_systemd_would_misread_is_refused(tmp_path, capsys):
    assert main(["init", str(tmp_path / "my station"), "--yes"]) == 2
    assert "without blanks" in capsys.readouterr().err
    check_folder(Path("/srv/派出所"))


def test_it_asks_until_the_answer_will_do(tmp_path, monkeypatch, capsys):
    answers = iter(["no blank", "qingwu", "青梧所", "Asia/Shanghai", "-", "121,31", "", "王磊", "wang 王磊"])
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert main(["init", str(tmp_path / "s"), "--lang", "zh-CN"]) == 0
    assert next(answers, None) is None
    site = tomllib.loads((tmp_path / "s" / "patrolgrid.toml").read_text("utf-8"))["site"]
    assert (site["id"], site["timezone"], site["country"]) == ("qingwu", "Asia/Shanghai", "")
    shown = capsys.readouterr().out
    assert "命令行" not in shown, "nobody typed an option"
    assert shown.count("应为") == 2, "two answers were wrong, and it says how in the language of the station"
    assert "/go#" in shown


def test_who_goes_away_from_the_questions_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    def away(_question):
        raise EOFError

    monkeypatch.setattr("builtins.input", away)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert main(["init", str(tmp_path / "s"), "--lang", "en"]) == 2
    assert "nothing was made" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_nobody_is_asked_where_nobody_sits(tmp_path, capsys):
    assert main(["init", str(tmp_path / "s")]) == 2
    assert "--yes" in capsys.readouterr().err


def test_a_station_that_is_opened_later_lets_devices_in_by_certificates(tmp_path):
    require_program("mosquitto", "run `make services`")
    folder, port = tmp_path / "s", free_port()
    init(folder, "--broker-port", str(port))
    station, settings = StationFolder(folder), folder / "patrolgrid.toml"
    assert not (station.broker / "server.crt").exists()
    assert main(["pki", "init", "--only", "--address", "127.0.0.4", "--config", str(settings)]) == 0
    tls = folder / "data.keys" / "station-1" / "tls"
    own = f'[board]\nhost = "0.0.0.0"\ntls_cert = "{tls}/board.crt"\ntls_key = "{tls}/board.key"\n'
    settings.write_text(settings.read_text("utf-8").replace("[board]\n", own), "utf-8")
    credentials = Credentials.of(load_settings(settings, {}))
    with pytest.raises(PkiError, match="has no listener for devices with certificates; move it away"):
        credentials.give_certificate("camera-01")
    (station.broker / "patrolgrid.conf").unlink()
    init(folder)
    door = credentials.door(certificates=True)
    assert (door.port, door.tls) == (certificate_port(port), True)
    assert not ipaddress.ip_address(door.host).is_unspecified, "devices are told an address that they can reach"
    process = subprocess.Popen(mosquitto_command(station.broker / "patrolgrid.conf"), stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listening("127.0.0.4", door.port), "Mosquitto takes what was made")
        made = credentials.give_certificate("camera-01")
        single(
            "patrolgrid/v1/station-1/old-market/camera-01/obs", "{}", qos=1, hostname="127.0.0.1", port=door.port,
            client_id="x", tls={
                "ca_certs": str(station.broker / "ca.crt"),
                "certfile": str(credentials.certificates.certificate("camera-01")),
                "keyfile": str(credentials.certificates.key("camera-01")),
            },
        )  # fmt: skip
        assert made.device == "camera-01"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_changes_stays_the_stations(tmp_path):
    """An administrator with sudo must not take the accounts away from the broker that runs as a user of its own."""
    folder = tmp_path / "station"
    folder.mkdir()
    os.chown(folder, 4_321, 1_234)
    add_accounts(folder / "devices.passwd", ["a"], folder / "secrets" / "devices")
    certificates = DeviceCertificates(Pki(folder / "keys" / "tls"))
    Pki(folder / "keys" / "tls").make_authority("s")
    certificates.issue("a")
    made = list(folder.rglob("*"))
    assert len(made) > 10
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(4_321, 1_234)}
