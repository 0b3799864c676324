"""The topic tree is a fixed contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import topics

ids = st.from_regex(topics.ID_PATTERN, fullmatch=True)


@given(ids, ids, ids)
def test_what_is_made_is_read_back(site, beat, device):
    assert topics.parse_device_topic(topics.observations(site, beat, device)) == (site, beat, device, "obs")
    assert topics.parse_device_topic(topics.status(site, beat, device)) == (site, beat, device, "status")


@pytest.mark.parametrize(
    "topic",
    [
        "patrolgrid/v1/s/b/d",
        "patrolgrid/v1/s/b/d/obs/x",
        "patrolgrid/v2/s/b/d/obs",
        "patrolgrid/v1/s/b/d/alerts",
        "patrolgrid/v1/s/b//obs",
        "patrolgrid/v1/s/b/d\n/obs",
        "patrolgrid/v1/s/../d/obs",
        "patrolgrid/v1/s/b/<script>/obs",
        "patrolgrid/v1/s/b/" + "d" * 49 + "/obs",
        "",
    ],
)
def test_anything_else_is_no_device_topic(topic):
    assert topics.parse_device_topic(topic) is None


def test_the_contract():
    assert topics.observations("s", "b", "d") == "patrolgrid/v1/s/b/d/obs"
    assert topics.incidents("s") == "patrolgrid/v1/s/incidents"
    assert topics.alerts("s", "b") == "patrolgrid/v1/s/b/alerts"
    assert topics.hotspots("s", "b") == "patrolgrid/v1/s/b/hotspots"
