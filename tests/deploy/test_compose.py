"""compose.yaml against Docker's own reader of it, and against what it mounts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.settings.load import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HINT = "run `make services`"


def compose_program() -> list[str]:
    """Return Docker Compose, as `make services` builds it or as Docker brings it; it needs no engine here."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "patrolgrid" / "bin" / "docker-compose-2.40"
    if built.exists():
        return [str(built)]
    docker = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*docker, "version"], check=False, capture_output=True).returncode:
        return docker
    reason = f"Docker Compose is not here; {HINT}"
    # Without Go `make services` brings none.
    if os.environ.get("CI") == "true" and shutil.which("go"):
        pytest.fail(reason)
    pytest.skip(reason)


def config(folder: Path, *more: str, env: str | None = None) -> subprocess.CompletedProcess[str]:
    file = folder / "secrets.env"
    file.write_text(env if env is not None else (DEPLOY / "compose.env.example").read_text("utf-8"), encoding="utf-8")
    return subprocess.run(
        [*compose_program(), "--file", str(DEPLOY / "compose.yaml"), "--env-file", str(file), *more],
        check=False, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip


def filled() -> str:
    """The example with a secret behind every key that has no value."""
    text = (DEPLOY / "compose.env.example").read_text("utf-8")
    return re.sub(r"^(\w+)=$", r"\1=something", text, flags=re.MULTILINE)


STATION = {"broker", "influxdb", "node", "grafana"}
CITY = STATION - {"node"} | {"kafka", "topics", "gateway-1", "gateway-2", "worker-1", "worker-2", "board"}


def read(folder: Path, profile: str) -> dict:
    env = filled().replace("COMPOSE_PROFILES=station", f"COMPOSE_PROFILES={profile}")
    done = config(folder, "config", "--format", "json", env=env)
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr, done.stderr
    return json.loads(done.stdout)["services"]


@pytest.mark.parametrize(
    ("profile", "expected"), [("station", STATION), ("city", CITY), ("city,deliver", CITY | {"deliver"})]
)
def test_docker_reads_it_and_nothing_listens_outside(tmp_path, profile, expected):
    services = read(tmp_path, profile)
    assert set(services) == expected
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.get("host_ip") == "127.0.0.1", name
        for volume in service.get("volumes", []):
            if volume["type"] == "bind" and not volume["source"].endswith(("/site", "/site/places.geojson")):
                assert Path(volume["source"]).exists(), (name, volume["source"])
        assert re.search(r":\d", service["image"]), f"{name}: an image without a version"


def test_our_own_image_has_our_version(tmp_path):
    for name, service in read(tmp_path, "city").items():
        if "build" in service:
            assert service["image"] == f"patrolgrid:{version('patrolgrid')}", name
            assert (ROOT / service["build"]["dockerfile"]).exists()


def test_every_setting_of_a_container_is_one_that_we_have(tmp_path):
    for profile in ("station", "city"):
        for name, service in read(tmp_path, profile).items():
            given = {key: value for key, value in service["environment"].items() if key.startswith("PATROLGRID_")}
            settings = load_settings(None, {key: str(value) for key, value in given.items()})
            assert not given or settings.site.id == "station-1", name


def test_gateways_share_and_each_has_a_session_of_its_own(tmp_path):
    services = read(tmp_path, "city")
    gateways = [services[name] for name in ("gateway-1", "gateway-2")]
    assert [gateway["command"] for gateway in gateways] == [["gateway", "--name", f"gateway-{n}"] for n in (1, 2)]
    assert {gateway["environment"]["PATROLGRID_GATEWAY__SHARED_GROUP"] for gateway in gateways} == {"city"}
    for name in ("gateway-1", "worker-1"):
        assert services[name]["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_a_secret_that_is_missing_is_told(tmp_path):
    done = config(tmp_path, "config", "--quiet", env="")
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_the_example_names_every_secret():
    wanted = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text("utf-8")))
    named = set(re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text("utf-8"), flags=re.MULTILINE))
    assert wanted <= named
