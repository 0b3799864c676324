"""edge.toml: what may stand in it, and how wrong keys and values are named."""

import re
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest.codecs.bindings import Binding
from ingest.edge import edge_file
from ingest.edge.edge_file import check_remote, load_edge_file, merged
from ingest.setup.settings import SettingsError
from tests.support import examples

EXAMPLE = Path(edge_file.__file__).parents[2] / "deploy" / "edge.example.toml"
SMALL = """
[agent]
site = "s1"
folder = "kept"
[broker]
port = 1884
[[devices]]
device = "door-1"
beat = "b1"
[[devices]]
device = "cam-1"
beat = "b1"
password_file = "cam-1.password"
[[sources]]
kind = "mqtt"
codecs = ["zigbee2mqtt"]
[[bindings]]
codec = "zigbee2mqtt"
device = "door-1"
match = "zigbee2mqtt/door"
"""
PARTS = [
    edge_file.AgentPart, edge_file.BrokerPart, edge_file.DevicePart, edge_file.MqttPart, edge_file.HttpPart,
    edge_file.HttpAccount, edge_file.StdinPart, edge_file.DirPart, edge_file.SerialPart, edge_file.GpioPart,
    edge_file.PinPart, Binding,
]  # fmt: skip


def load(tmp_path, text):
    path = tmp_path / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return load_edge_file(path)


def test_the_example_loads_as_it_stands_and_with_every_key_in_force():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert load_edge_file(EXAMPLE).agent.site == "station-1"
    every = re.sub(r"^#([a-z[])", r"\1", text, flags=re.MULTILINE)
    kinds = {one["kind"] for one in tomllib.loads(every)["sources"]}
    assert kinds == {"mqtt", "http", "stdin", "dir", "serial", "gpio"}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_key_has_its_place_in_the_example(part):
    said = set(re.findall(r"^#?([a-z0-9_]{1,30}) = ", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(part.__struct_fields__) - said - {"accounts", "pins", "password"} == set()


def test_paths_are_relative_to_the_file_and_accounts_are_each_device_s_own(tmp_path):
    found = load(tmp_path, SMALL)
    assert found.agent.folder == tmp_path / "kept"
    door, camera = found.devices
    assert found.address(camera).password_file == tmp_path / "cam-1.password"
    assert (found.address(door).password_file, found.address(door).port) == (None, 1884)
    assert found.speaker is door
    found = load(tmp_path, SMALL.replace('device = "cam-1"', 'device = "cam-1"\nport = 8884'))
    assert [found.address(one).port for one in found.devices] == [1884, 8884]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('folder = "kept"', 'folder = "kept"\nzome = "UTC"'), "no key agent.zome; did you mean zone?"),
        (("[broker]", "[brokers]"), "no key brokers; did you mean broker?"),
        (("port = 1884", "port = 99999"), "broker.port: Expected `int` <= 65535"),
        (("port = 1884", 'password = "x"'), "broker.password is a secret and must not stand in this file"),
        (("port = 1884", 'tls_ca = "ca.crt"'), "broker.tls_ca is set and tls is false"),
        (('site = "s1"', 'site = "s1"\nzone = "Mars"'), "agent.zone is 'Mars', expected an IANA time zone"),
        (('site = "s1"', 'site = "s1"\ndevice = "cam-9"'), "agent.device is 'cam-9', expected one of"),
        (('device = "cam-1"', 'device = "door-1"'), "devices is 'door-1', expected each device once"),
        (('device = "cam-1"', 'device = "cam 1"'), "devices[1].device: Expected `str` matching"),
        (('kind = "mqtt"', 'kind = "mqqt"'), "sources[0].kind: Invalid value 'mqqt', expected dir, gpio,"),
        (('codecs = ["zigbee2mqtt"]', 'codecs = ["zigbee"]'), "sources[0].codec is 'zigbee', expected one of"),
        (('kind = "mqtt"', 'kind = "mqtt"\nhots = "x"'), "no key sources[0].hots; did you mean host?"),
        (('match = "zigbee2mqtt/door"', 'match = ""'), "binding 1 (zigbee2mqtt, ''): match is empty"),
        (('match = "zigbee2mqtt/door"', 'match = "d"\nmatsh = "x"'), "no key bindings[0].matsh; did you mean match?"),
        (('device = "door-1"\nmatch', 'device = "door-9"\nmatch'), "bindings[0].device is 'door-9', expected one of"),
        (('kind = "mqtt"\ncodecs = ["zigbee2mqtt"]', 'kind = "stdin"\ndevice = "x"'), "sources[0].device is 'x'"),
        (('kind = "mqtt"\ncodecs = ["zigbee2mqtt"]', 'kind = "gpio"\npins = [{pin = 4, device = "cam-1"}]'),
         "sources[0].pins[0].metric is '', expected metric or counts"),
        (('folder = "kept"', "folder = 3"), "agent.folder: 3, expected a path in quotes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_key(tmp_path, change, said):
    assert change[0] in SMALL
    with pytest.raises(SettingsError, match=re.escape(said)) as refused:
        load(tmp_path, SMALL.replace(change[0], change[1], 1))
    assert "edge.toml" in str(refused.value)


def test_a_file_that_is_not_there_or_no_toml(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_edge_file(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="not TOML"):
        load(tmp_path, "[agent")


@pytest.mark.parametrize(
    ("afar", "said"),
    [
        ({"devices": []}, "devices cannot be set from afar"),
        ({"agent": {"folder": "/etc"}}, "agent cannot be set from afar"),
        ({"broker": {"password_file": "/etc/shadow"}}, "broker: password_file cannot be set from afar"),
        ({"broker": {"port": 0}}, "broker.port: Expected `int` >= 1"),
        ({"health_s": 1}, "health_s: Expected `float` >= 5"),
        ({"bindings": [{"codec": "zigbee2mqtt", "device": "d", "match": "m", "mtach": "n"}]}, "bindings[0].mtach"),
    ],
)  # fmt: skip
def test_from_afar_comes_nothing_that_says_who_the_agent_is_or_what_it_reads(afar, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        check_remote(afar)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "dir", "path": "/home", "device": "d"}, "sources[0].path is '/home'"),
        ({"kind": "mqtt", "codecs": ["x"], "tls_key": "/etc/shadow"}, "sources[0].tls_key is '/etc/shadow'"),
        ({"kind": "http", "accounts": [{"name": "c", "codecs": ["x"], "password_file": "k"}]},
         "sources[0].accounts[0].password_file is 'k'"),
    ],
)  # fmt: skip
def test_a_path_from_afar_is_one_that_the_agent_s_own_file_has(source, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        merged({}, {"sources": [source]})
    assert merged({"sources": [source]}, {"sources": [source]})["sources"] == [source]


def test_settings_from_afar_stand_over_the_agent_s_own():
    own = tomllib.loads(SMALL)
    found = merged(own, {"broker": {"host": "10.1.1.1"}, "bindings": [], "health_s": 30})
    assert found["broker"] == {"port": 1884, "host": "10.1.1.1"}
    assert (found["bindings"], found["agent"]["health_s"], found["sources"]) == ([], 30, own["sources"])
    assert own["broker"] == {"port": 1884}, "the file's own stay as they are"


KEYS = st.sampled_from([
    "agent", "broker", "devices", "sources", "bindings", "health_s", "site", "folder", "device", "beat", "kind",
    "codecs", "host", "port", "codec", "match", "part", "path", "accounts", "pins", "tls", "tls_ca", "directions", "x",
])  # fmt: skip
WORDS = st.sampled_from(["", "mqtt", "http", "dir", "gpio", "stdin", "zigbee2mqtt", "door-1", "in", "/etc", "\0", "地"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, ANYTHING, max_size=5))
@hypothesis_settings(max_examples=examples(40), deadline=None)
def test_whatever_stands_in_settings_is_refused_in_words_and_ends_nothing(document):
    own = tomllib.loads(SMALL)
    for work in (
        lambda: edge_file.settled(document, "edge.toml", Path()),
        lambda: edge_file.settled({**own, **document}, "edge.toml", Path()),
        lambda: edge_file.settled(merged(own, document), "edge.toml", Path()),
    ):
        with suppress(SettingsError):
            work()
