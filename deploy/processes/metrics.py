"""What a process tells over HTTP: ``/metrics`` for Prometheus, ``/healthz``, and ``/readyz`` with the reason.

    with closing(MetricsServer(9464, readiness=lambda: (gateway.connected, "no MQTT"), collect=lambda: [...])):
        ...

Healthy is a process that answers. Ready is one that does its work: whoever starts processes one after the other waits
for it, and nobody restarts a process because it is not.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_LOG = logging.getLogger(__name__)
_REQUEST_S: Final = 5.0
"""A client that says nothing for this long is left."""
MOST: Final = 32
"""Clients that are answered at once."""
_TEXT: Final = "text/plain; charset=utf-8"


class MetricsServer:
    """Serves from threads of its own until it is closed. Raises OSError where the port is taken.

    Parameters
    ----------
    port
        Port to listen on; 0 for any free one, see `port`.
    readiness
        Tells whether the process does its work, and if not, why. Called in a thread of the server's, as is `collect`.
    collect
        Returns the metrics of now, as `prometheus_client.core` has them (``GaugeMetricFamily``, …); those of the
        process itself (CPU, memory, open files) are added.
    host
        Address to listen on: by default only the machine itself can read the metrics.
    """

    def __init__(
        self,
        port: int,
        readiness: Callable[[], tuple[bool, str]],
        collect: Callable[[], Iterable[Metric]],
        *,
        host: str = "127.0.0.1",
    ) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Collected(collect))

        class Handler(_Handler):
            def answer(self) -> tuple[int, str, bytes]:
                return _answer(self.path.partition("?")[0], readiness, registry)

        self._server = _Server((host, port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving. A second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class Family:
    """Makes metrics that have a prefix and their first labels in common.

    `rows` are the values of the further labels, if any, with the number that belongs to them.
    """

    def __init__(self, prefix: str, labels: Mapping[str, str], *more: str) -> None:
        self._prefix, self._names, self._values = prefix, [*labels, *more], list(labels.values())

    def counter(self, name: str, doc: str, *rows: tuple[Sequence[str], float]) -> Metric:
        """Return a number that only grows."""
        return self._filled(CounterMetricFamily(f"{self._prefix}_{name}", doc, labels=self._names), rows)

    def gauge(self, name: str, doc: str, *rows: tuple[Sequence[str], float]) -> Metric:
        """Return a number that goes up and down."""
        return self._filled(GaugeMetricFamily(f"{self._prefix}_{name}", doc, labels=self._names), rows)

    def _filled(
        self, family: CounterMetricFamily | GaugeMetricFamily, rows: Iterable[tuple[Sequence[str], float]]
    ) -> Metric:
        for values, number in rows:
            family.add_metric([*self._values, *values], float(number))
        return family


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[int, socket.socket] = {}
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - what is overridden has it
        """Answer in a thread of its own; where too many are under way the oldest gives way."""
        self._open[id(request)] = request
        if len(self._open) > MOST:
            with contextlib.suppress(OSError, StopIteration, RuntimeError):
                self._open.pop(next(iter(self._open))).shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - same
        """Close a connection that is through."""
        self._open.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - what is overridden has it
        """Note what went wrong with a client; those that hang up are no news."""
        _LOG.debug("a client of the metrics went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server_version, sys_version = "patrolgrid", ""

    def answer(self) -> tuple[int, str, bytes]:
        raise NotImplementedError

    def do_GET(self) -> None:
        status, kind, body = self.answer()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Do not fill the log with Prometheus asking every few seconds."""


class _Collected(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def describe(self) -> list[Metric]:
        """Return nothing: with it the registry would call `collect` before there is anything to tell."""
        return []

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _answer(
    path: str, readiness: Callable[[], tuple[bool, str]], registry: CollectorRegistry
) -> tuple[int, str, bytes]:
    try:
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
        if path == "/healthz":
            return HTTPStatus.OK, _TEXT, b"ok\n"
        if path == "/readyz":
            ready, why = readiness()
            status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
            return status, _TEXT, f"{'ready' if ready else why}\n".encode()
    except Exception as error:  # noqa: BLE001 - whoever asks gets the error, and the process continues
        _LOG.warning("%s cannot be answered: %s: %s", path, type(error).__name__, error)
        return HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, f"{type(error).__name__}: {error}\n".encode()
    return HTTPStatus.NOT_FOUND, _TEXT, b"there is /metrics, /healthz and /readyz\n"
