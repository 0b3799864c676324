"""What an agent's computer says of itself, from files as a Pi has them."""

import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from ingest.edge.service.computer import Computer, certificate_days, ends_s
from tests.support import require_program


def put(tmp_path, path, text):
    found = tmp_path / path
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text(text, encoding="ascii")


def test_what_the_system_does_not_tell_is_none(tmp_path):
    computer = Computer(tmp_path, tmp_path)
    assert [computer.temperature_c(), computer.undervoltage(), computer.memory_mb(), computer.written_mb()] == [
        None
    ] * 4
    assert Computer(tmp_path / "none").disk() is None


def test_the_hottest_zone_counts(tmp_path):
    for zone, text in enumerate(("48312\n", "61250\n", "nonsense", "999999999")):
        put(tmp_path, f"sys/class/thermal/thermal_zone{zone}/temp", text)
    assert Computer(tmp_path, tmp_path).temperature_c() == 61.25


@pytest.mark.parametrize(
    ("path", "weak", "well"),
    [
        ("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n", "0\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n", "50000\n"),
    ],
)
def test_a_dip_of_the_supply_is_told_once_although_it_is_over(tmp_path, path, weak, well):
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "cpu_thermal\n")
    put(tmp_path, "sys/class/hwmon/hwmon2/name", "rpi_volt\n" if "hwmon" in path else "other\n")
    computer = Computer(tmp_path, tmp_path)
    put(tmp_path, path, weak)
    computer.look()
    put(tmp_path, path, well)
    assert [computer.undervoltage(), computer.undervoltage()] == [True, False]


def test_of_this_machine(tmp_path):
    computer = Computer(tmp_path)
    disk = computer.disk()
    assert disk is not None
    assert 0 <= disk.free <= 1
    assert disk.free_mb == pytest.approx(shutil.disk_usage(tmp_path).free / 1e6, rel=0.5)
    assert (computer.memory_mb() or 0) > 5
    assert computer.written_mb() is not None
    assert computer.clock_synced() in {True, False, None}


@pytest.mark.parametrize("days", [30, 9_000, 20_000])  # a date after 2049 is written in another way
def test_the_days_until_a_certificate_ends(tmp_path, days):
    openssl = require_program("openssl", "apt-get install openssl")
    made, key = tmp_path / "a.crt", tmp_path / "a.key"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
         "/CN=cam-1", "-days", str(days), "-keyout", str(key), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    said = subprocess.run([openssl, "x509", "-enddate", "-noout", "-in", str(made)], check=True, capture_output=True)
    end = datetime.strptime(said.stdout.decode().strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert ends_s(made.read_bytes()) == end.timestamp()
    missing, broken = tmp_path / "none", tmp_path / "broken"
    broken.write_bytes(made.read_bytes()[:200] + b"-----END CERTIFICATE-----")
    now = end.timestamp() - 10.5 * 86_400
    assert certificate_days([None, missing, broken, key, made], now) == 10
    assert certificate_days([missing, None], now) is None
    assert certificate_days([made], end.timestamp() + 1) == -1
