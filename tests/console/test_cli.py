"""The command line as people and scripts use it."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.main import COMMANDS, main
from console.common import safe
from console.width import cells
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import language_of

ROOT = Path(__file__).parent.parent.parent


def patrolgrid(*arguments, cwd=None, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PATROLGRID_")}
    return subprocess.run(
        [sys.executable, "-m", "console.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"patrolgrid {command}" in text


def test_the_help_lists_all_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command in text


def test_an_edge_device_without_numpy_has_its_commands():
    script = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in {'numpy', 'scipy', 'sklearn', 'tqdm', 'starlette', 'holidays', 'iotcore'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from console.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )

    def run(*arguments):
        return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)

    for arguments in (["edge", "--help"], ["settings"], ["settings", "--example"], ["--version"]):
        assert run(*arguments).returncode == 0, arguments
    refused = run("replay", "none.csv")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


def test_errors_are_one_line_and_the_code_tells_wrong_use_from_failure(tmp_path):
    wrong = tmp_path / "patrolgrid.toml"
    wrong.write_text("[broker]\nprot = 1\n", encoding="utf-8")
    for arguments, code, words in (
        (["settings", "--config", str(wrong)], 2, "did you mean broker.port?"),
        (["status", "--data-dir", str(tmp_path / "none")], 1, "there is no data"),
        (["replay", str(tmp_path / "none.csv"), "--data-dir", str(tmp_path)], 1, "there is no file"),
        (["replay", "x.csv", "--speed", "fast", "--data-dir", str(tmp_path)], 2, "--speed"),
        (["demo", "--speed", "0", "--data-dir", str(tmp_path)], 2, "--speed"),
        (["up", "--data-dir", str(tmp_path)], 1, "places"),
    ):
        done = patrolgrid(*arguments)
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
    assert "Traceback" in patrolgrid("--debug", "status", "--data-dir", str(tmp_path / "none")).stderr
    assert patrolgrid("dance").returncode == 2


def test_settings_prints_what_is_in_force(tmp_path):
    example = patrolgrid("settings", "--example").stdout
    assert example == (ROOT / "deploy/patrolgrid.example.toml").read_text(encoding="utf-8")
    path = tmp_path / "patrolgrid.toml"
    path.write_text(patrolgrid("settings", "--data-dir", str(tmp_path)).stdout, encoding="utf-8")
    found = patrolgrid(
        "settings",
        "--json",
        cwd=tmp_path,
        PATROLGRID_BROKER__PORT="8883",
        PATROLGRID_BROKER__PASSWORD="x9y",  # noqa: S106 - no real one
    )
    document = json.loads(found.stdout)
    assert document["broker"]["port"] == 8883
    assert document["data"]["dir"] == str(tmp_path)
    assert document["secrets"] == ["broker.password"]
    assert "x9y" not in found.stdout


def test_plate_keys_are_rotated_and_never_printed(tmp_path):
    here = {"PATROLGRID_DATA__DIR": str(tmp_path / "d")}
    made = [json.loads(patrolgrid("plates", "rotate", "--json", **here).stdout) for _ in (1, 2)]
    path = Path(made[0]["file"])
    assert tmp_path / "d" not in path.parents
    keys = json.loads(path.read_bytes())["keys"]
    assert [key["id"] for key in keys] == [one["made"] for one in made]
    shown = patrolgrid("plates", "show", "--lang", "zh-CN", **here).stdout
    for key in keys:
        assert key["id"] in shown
        assert key["secret"] not in shown
    assert path.stat().st_mode & 0o077 == 0


def test_the_doctor_says_what_is_wrong_and_what_to_do(tmp_path):
    from deploy.processes.supervisor import free_port

    places = tmp_path / "places.geojson"
    places.write_text('{"type": "FeatureCollection", "features": [{"nonsense": 1}]}', encoding="utf-8")
    config = tmp_path / "patrolgrid.toml"
    config.write_text(
        f'[site]\nplaces = "places.geojson"\n[broker]\nport = {free_port()}\n[data]\ndir = "data"\n', encoding="utf-8"
    )
    key = tmp_path / "data.keys" / "station-1" / "plates.key"
    key.parent.mkdir(parents=True)
    key.write_text('{"keys":')
    key.chmod(0o600)
    done = patrolgrid("doctor", "--json", "--config", str(config))
    assert done.returncode == 1
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["settings"]["state"] == "ok"
    assert checks["disk"]["state"] in {"ok", "warn"}
    assert (checks["places"]["state"], checks["broker"]["state"]) == ("fail", "fail")
    assert "feature 0" in checks["places"]["text"]
    assert checks["secrets"]["state"] == "fail", "a node does not start with a plate key that cannot be read"
    assert str(key) in checks["secrets"]["text"]
    assert "patrolgrid broker" in checks["broker"]["do"]
    assert not (tmp_path / "data").exists(), "a doctor leaves nothing behind"
    spoken = patrolgrid("doctor", "--config", str(config), "--lang", "zh-CN")
    assert "故障" in spoken.stdout
    config.write_text("[site]\nid = 3\n", encoding="utf-8")
    done = patrolgrid("doctor", "--config", str(config))
    assert done.returncode == 1
    assert "site.id" in done.stdout


@pytest.mark.parametrize(
    ("option", "environment", "configured", "language"),
    [
        ("zh-CN", {"LANG": "en_US.UTF-8"}, None, "zh-CN"),
        (None, {"PATROLGRID_SITE__LANGUAGE": "zh-CN"}, "en", "zh-CN"),
        (None, {"LANG": "zh_CN.UTF-8"}, "en", "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, None, "zh-CN"),
        (None, {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, None, "en"),
        (None, {}, None, "en"),
    ],
)
def test_which_language_is_spoken(option, environment, configured, language, monkeypatch):
    for name in ("PATROLGRID_SITE__LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language_of(option, configured) == language
    assert Sentences("zh-CN").pick({"en": "Door", "zh-CN": "门"}) == "门"
    assert Sentences("zh-CN").pick({"en": "Door"}) == "Door"


def test_text_from_devices_cannot_steer_the_terminal():
    assert safe("a\x1b[2Jb\r\n") == "a\\x1b[2Jb\\r\\n"
    assert safe("灯笼街 5号") == "灯笼街 5号"
    assert cells("灯笼街a") == 7


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("patrolgrid wh", "whatif"),
        ("patrolgrid whatif --mod", "--models"),
        ("patrolgrid whatif --models st", "store"),
        ("patrolgrid --vers", "--version"),
    ],
)
def test_a_shell_completes_what_is_typed(line, wanted):
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "console.cli"]
    done = subprocess.run(
        ["bash", "-c", '"$@" 8>&1 9>/dev/null >/dev/null', "-", *command],
        env=os.environ | asked | {"_ARGCOMPLETE_SUPPRESS_SPACE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert wanted in done.stdout.split("\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_the_shell_reads(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "patrolgrid" in capsys.readouterr().out


def test_the_version_tells_what_a_report_of_a_fault_needs(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    first, python, extras = capsys.readouterr().out.splitlines()
    assert first.startswith("patrolgrid ")
    assert python.startswith(f"Python {platform.python_version()}")
    assert "stream" in extras
