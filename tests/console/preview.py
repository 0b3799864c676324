"""``python -m tests.console.preview [speed]``: the board over invented data, for whoever works on the page."""

import sys
import threading
import time

import uvicorn

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.login import BrokerAddress
from tests.console.fake_places import as_file
from tests.console.fake_reader import FakeReader


class Publisher:
    """Does at once what a node would do a moment later."""

    def __init__(self, reader: FakeReader) -> None:
        self.reader = reader

    def publish(self, command):
        def act() -> None:
            time.sleep(0.4)
            history = self.reader.open_alerts[command.alert]
            state = {"acknowledge": "acknowledged", "clear": "cleared"}[command.action]
            change = {"state": state, "by": command.by, "note": command.note, "changed_ms": self.reader.site_ms()}
            history.append(history[-1] | change | {"revision": history[-1]["revision"] + 1})
            self.reader.touch()

        threading.Thread(target=act).start()


if __name__ == "__main__":
    reader = FakeReader()
    reader.speed = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    name = {"en": "Lakeside Police Station", "zh-CN": "湖滨派出所"}
    config = BoardConfig(
        store_path="",
        places_path="",
        broker=BrokerAddress(),
        site="demo",
        site_name=name,
        simulated=reader.speed != 1.0,
    )
    app = make_app(reader, as_file(reader.places), Publisher(reader).publish, config)
    uvicorn.run(app, port=8061, log_level="warning")
