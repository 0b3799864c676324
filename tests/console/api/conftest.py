"""A board over a small store, for tests of the API."""

import pytest
import requests

from console.board.app import make_app
from console.board.board_config import BoardConfig
from deploy.settings import Settings, dump_toml, with_values
from ingest.gateway.places_file import PlacesFile
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.serving import served
from tests.console.stores import SITE, Node
from tests.stream import make_results as make


@pytest.fixture(scope="package")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / SITE
    folder.mkdir()
    made = Node(folder)
    made.fill()
    made.write(
        alerts=[
            make.alert(f"al-{number}", 1, raised_ms=make.T0 + 3_600_000 * number, reason="works" if number == 2 else "")
            for number in range(2, 7)
        ],
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
    """With its settings and its places file, as at a station: all that the board offers is there."""
    folder = node.store_path.parent
    settings = with_values(Settings(), site={"id": SITE}, data={"dir": folder.parent})
    (folder / "board.toml").write_text(dump_toml(settings), encoding="utf-8")
    config = BoardConfig(
        site=SITE,
        store_path=str(node.store_path),
        places_path=str(node.places_path),
        settings_file=str(folder / "board.toml"),
        broker=BrokerAddress(),
        language="en",
    )
    reader, file = StoreReader(node.store_path), PlacesFile(node.places_path, folder / "places.good.geojson")
    file.load()
    yield make_app(reader, file, lambda _command: None, config)
    reader.close()


@pytest.fixture(scope="package")
def board(app):
    with served(app) as client, requests.Session() as session:
        client.session = session
        yield client
