"""Serves an application on a free port in a thread, so that tests speak to it as a browser would."""

import contextlib
import threading

import httpx
import uvicorn

from console.board.server import Server, listen
from tests.support import wait_for


@contextlib.contextmanager
def served(app, http="auto"):
    """Yield a client of the application; the application stops when the block ends."""
    sock = listen("127.0.0.1", 0)
    ready = threading.Event()
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2, http=http)
    server = Server(config, ready.set, app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    wait_for(ready.is_set, "the board answers")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)
        sock.close()
    assert not thread.is_alive(), "the board did not stop"
