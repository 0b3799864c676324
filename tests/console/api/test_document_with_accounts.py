"""With accounts, too, every answer is in the document: to nobody, and to programs of every role."""

import pytest
import requests

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.people.people import People, Person
from console.people.rights import ROLES
from console.people.tokens import NEVER, Tokens
from ingest.gateway.places_file import PlacesFile
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.api.test_document import ASKED, ENDLESS, HELD, SLOW
from tests.console.serving import served
from tests.console.stores import SITE, Node

READ = sorted(label for label in {*ASKED} - ENDLESS - SLOW if label.startswith("GET") and "{" not in label)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The board's address, and sessions of requests by role; "" is nobody."""
    folder = tmp_path_factory.mktemp("accounts")
    node, people, reader, found = (
        Node(folder),
        People(folder),
        StoreReader(folder / "store.db"),
        {"": requests.Session()},
    )
    node.fill()
    for role, rights in ROLES.items():
        people.add(Person(role, role, role, officer="p1" if role == "patrol" else ""), "cli:root")
        found[role] = requests.Session()
        found[role].headers["Authorization"] = f"Bearer {Tokens(people).make(role, rights - NEVER, 600, by='cli:root')}"
    config = BoardConfig(
        site=SITE,
        store_path=str(node.store_path),
        places_path=str(node.places_path),
        broker=BrokerAddress(),
        language="en",
    )
    file = PlacesFile(node.places_path, folder / "places.good.geojson")
    file.load()
    app = make_app(reader, file, lambda _command: None, config)
    with served(app) as client:
        yield str(client.base_url).rstrip("/"), found
    for session in found.values():
        session.close()
    for one in (reader, node, people.file, app.state.board.doors.people.file):
        one.close()


@pytest.mark.parametrize("role", ["", *ROLES])
def test_answers_are_in_the_document_whoever_asks(programs, role):
    url, sessions = programs
    rights, refused = ROLES.get(role, frozenset()) - NEVER, []
    for label in READ:
        operation = ASKED[label]
        case = operation.Case()
        answer = case.call(base_url=url, session=sessions[role])
        case.validate_response(answer, checks=HELD)
        right = operation.definition.raw.get("x-right")
        if answer.status_code in {401, 403}:
            refused.append(label)
            assert role == "" or (right is not None and right not in rights), label
        else:
            assert right is None or right in rights, label
    assert len(refused) < len(READ)
