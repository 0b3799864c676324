"""A board over a small store, for tests of the API."""

import pytest
import requests

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import SITE, Node, places
from tests.stream import make_results as make


@pytest.fixture(scope="package")
def node(tmp_path_factory):
    made = Node(tmp_path_factory.mktemp("site"))
    made.fill()
    made.write(
        alerts=[make.alert(f"al-{number}", 1, raised_ms=make.T0 + 3_600_000 * number) for number in range(2, 7)],
        anomalies=[make.anomaly(), make.anomaly(make.T0 + 1, kind="deficit")],
        incidents=[make.incident("old", make.T0 - 80 * 3_600_000), make.incident("two", make.T0)],
        maps=[make.hotspot_map(make.T0 + 3_600_000, ("r1c1", "b1"), ("r2c2", "b2"))],
        patrols=[make.officer_plan(make.stop("a"))],
    )
    made.status()
    yield made
    made.close()


@pytest.fixture(scope="package")
def app(node):
    reader = StoreReader(node.store_path)
    config = BoardConfig(
        site=SITE, store_path=str(node.store_path), places_path="", broker=BrokerAddress(), language="en"
    )
    yield make_app(reader, as_file(places()), lambda _command: None, config)
    reader.close()


@pytest.fixture(scope="package")
def board(app):
    with served(app) as client, requests.Session() as session:
        client.session = session
        yield client
