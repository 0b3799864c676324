"""Settings: what is written is what is read, and whatever is wrong is said with the key, the place and the way out."""

import runpy
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.settings.load import KEYS, dump_toml, example_file, find_file, load_settings, with_values
from deploy.settings.sections import Settings
from ingest.setup.settings import SettingsError
from stream.sentences.languages import LANGUAGES
from tests.support import examples

DOCS = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "make_settings.py"))


def write(folder: Path, text: str) -> Path:
    path = folder / "patrolgrid.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_is_up_to_date_and_gives_the_defaults(language):
    example = example_file(language)
    assert example.read_text(encoding="utf-8") == DOCS["example_toml"](language), "run: python docs/make_settings.py"
    loaded = load_settings(example, {})
    assert with_values(loaded, data={"dir": "patrolgrid-data"}) == load_settings(None, {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_is_up_to_date(language):
    page = DOCS["table_file"](language).read_text(encoding="utf-8")
    assert page == DOCS["settings_table"](language), "run: python docs/make_settings.py"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[brokr]\nport = 1", ["[brokr]", "did you mean [broker]?"]),
        ("[broker]\nprot = 1", ["broker.prot", "did you mean broker.port?"]),
        ("[site]\nport = 1883", ["site.port", "there is no key"]),
        ("[broker]\nport = 70000", ["broker.port", "70000", "from 1 to 65535"]),
        ('[broker]\nport = "1883"', ["broker.port", "'1883'", "a whole number"]),
        ("[broker]\nport = true", ["broker.port", "True", "a whole number"]),
        ("[pipeline]\nlateness_s = nan", ["pipeline.lateness_s", "nan", "a number"]),
        ('[site]\nid = "my site"', ["site.id", "'my site'", "letters, digits"]),
        ('[site]\ntimezone = "Asia/Changchun"', ["site.timezone", "IANA"]),
        ('[site]\ntimezone = "Asia"', ["site.timezone", "IANA"]),
        ('[site]\nlanguage = "de"', ["site.language", "en, zh-CN"]),
        ('[site]\nholidays = ["1.10.2026"]', ["site.holidays", "YYYY-MM-DD"]),
        ("[site]\nholidays = 3", ["site.holidays", "a list of texts"]),
        ('[site]\ncountry = "China"', ["site.country", "NZ-AUK"]),
        ("[sinks]\nmqtt = 1", ["sinks.mqtt", "true or false"]),
        (
            '[broker]\npassword = "123456"',
            ["broker.password", "secret", "password_file", "PATROLGRID_BROKER__PASSWORD"],
        ),
        ("site = 3", ["site is 3", "section [site]"]),
        ("[site", ["not TOML"]),
    ],
)
def test_an_error_names_file_key_and_what_was_expected(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as error:
        load_settings(path, {})
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert "123456" not in str(error.value), "a secret is not repeated"


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})


def test_the_environment_goes_over_the_file(tmp_path):
    path = write(tmp_path, "[broker]\nport = 1884\n[sinks]\nmqtt = true\n")
    environment = {
        "PATROLGRID_BROKER__PORT": "8883",
        "PATROLGRID_SINKS__MQTT": "off",
        "PATROLGRID_SITE__HOLIDAYS": "2026-10-01, 2026-10-02",
        "PATROLGRID_BROKER__PASSWORD": "s3cret",
        "PATROLGRID_CONFIG": str(path),
        "PATH": "/bin",
    }
    loaded = load_settings(find_file(None, environment), environment)
    assert (loaded.broker.port, loaded.sinks.mqtt) == (8883, False)
    assert loaded.site.holidays == ("2026-10-01", "2026-10-02")
    assert loaded.broker.secret() == "s3cret"
    assert "s3cret" not in repr(loaded)
    assert "s3cret" not in dump_toml(loaded)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PATROLGRID_BROKER_PORT", "1", ["PATROLGRID_BROKER_PORT", "did you mean PATROLGRID_BROKER__PORT?"]),
        ("PATROLGRID_BROKER__PORT", "many", ["PATROLGRID_BROKER__PORT", "broker.port", "a whole number"]),
        ("PATROLGRID_SINKS__MQTT", "maybe", ["sinks.mqtt", "true or false"]),
    ],
)
def test_a_wrong_variable_is_named(name, value, words):
    with pytest.raises(SettingsError) as error:
        load_settings(None, {name: value})
    for word in words:
        assert word in str(error.value)


def test_paths_are_relative_to_the_file(tmp_path):
    loaded = load_settings(write(tmp_path, '[site]\nplaces = "maps/a.geojson"\n[data]\ndir = "/var/lib/pg"\n'), {})
    assert loaded.site.places == tmp_path / "maps/a.geojson"
    assert loaded.data.dir == Path("/var/lib/pg")
    assert loaded.places_file == loaded.site.places


def test_a_password_file_gives_its_first_line(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("pa ss\n# not this\n", encoding="utf-8")
    loaded = load_settings(write(tmp_path, '[broker]\npassword_file = "secret"\n'), {})
    assert loaded.broker.secret() == "pa ss"
    secret.unlink()
    with pytest.raises(SettingsError, match="password_file"):
        loaded.broker.secret()


text = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@settings(max_examples=examples(60))
@given(
    holidays=st.lists(st.dates().map(str), max_size=4),
    host=text,
    places=text,
    number=st.floats(0, 86_400, allow_nan=False),
    port=st.integers(1, 65_535),
    switch=st.booleans(),
)
def test_written_settings_read_the_same(tmp_path_factory, holidays, host, places, number, port, switch):
    folder = tmp_path_factory.getbasetemp()
    made = with_values(
        Settings(),
        site={"holidays": holidays, "places": folder / places.replace("/", "_")},
        broker={"host": host, "port": port},
        sinks={"mqtt": switch},
        pipeline={"lateness_s": number},
        data={"dir": folder},
    )
    path = folder / "round.toml"
    path.write_text(dump_toml(made), encoding="utf-8")
    again = load_settings(path, {})
    assert again == made


@settings(max_examples=examples(150))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from([(section, key) for section, keys in KEYS.items() for key in keys]),
)
def test_any_value_is_taken_or_refused_with_its_key(value, key):
    section, name = key
    said = ""
    try:
        made = with_values(Settings(), **{section: {name: value}})
    except SettingsError as error:
        said = str(error)
    else:
        assert tomllib.loads(dump_toml(made))
        return
    assert f"{section}.{name}" in said
    assert len(said) < 500
