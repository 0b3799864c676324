"""What a process tells over HTTP."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the extra `kafka` is not installed")

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from deploy.processes import metrics
from deploy.processes.metrics import MetricsServer


def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own address
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def collected():
    counter = CounterMetricFamily("patrolgrid_test_things", "What was counted", labels=["site"])
    counter.add_metric(['a "quoted"\nsite'], 3)
    gauge = GaugeMetricFamily("patrolgrid_test_level", "How much", value=0.5)
    return [counter, gauge]


def test_metrics_are_in_the_text_format_with_those_of_the_process():
    with closing(MetricsServer(0, lambda: (True, ""), collected)) as server:
        status, kind, text = get(server, "/metrics?whatever")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    [sample] = [s for s in families["patrolgrid_test_things"].samples if s.name.endswith("_total")]
    assert (sample.value, sample.labels) == (3.0, {"site": 'a "quoted"\nsite'})
    assert families["patrolgrid_test_level"].samples[0].value == 0.5
    assert families["process_open_fds"].samples[0].value > 0


def test_ready_is_not_healthy():
    state: list[Any] = [False, "Kafka is away"]
    with closing(MetricsServer(0, lambda: (state[0], state[1]), list)) as server:
        assert get(server, "/readyz") == (503, "text/plain; charset=utf-8", "Kafka is away\n")
        assert get(server, "/healthz")[0] == 200
        state[:] = [True, ""]
        assert get(server, "/readyz")[::2] == (200, "ready\n")
        assert get(server, "/")[0] == 404
        assert get(server, "/metrics", "POST")[0] == 501


def test_a_defect_in_what_is_collected_is_told_and_does_no_harm():
    calls = []

    def failing():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("a defect")
        return []

    def defect() -> tuple[bool, str]:
        raise ZeroDivisionError

    with closing(MetricsServer(0, defect, failing)) as server:
        assert get(server, "/metrics")[::2] == (500, "RuntimeError: a defect\n")
        assert get(server, "/metrics")[0] == 200
        assert get(server, "/readyz")[0] == 500


def test_it_listens_on_loopback_only_and_a_taken_port_is_an_error():
    with closing(MetricsServer(0, lambda: (True, ""), list)) as server:
        assert server._server.server_address[0] == "127.0.0.1"
        with socket.create_connection(("127.0.0.1", server.port)) as idle:  # says nothing: others are answered
            assert get(server, "/healthz")[0] == 200
            idle.close()
        with pytest.raises(OSError, match="in use"):
            MetricsServer(server.port, lambda: (True, ""), list)
    server.close()


def test_many_clients_that_say_nothing_keep_nobody_out(monkeypatch):
    monkeypatch.setattr(metrics, "MOST", 4)
    monkeypatch.setattr(metrics._Handler, "timeout", 60.0)
    with closing(MetricsServer(0, lambda: (True, ""), collected)) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        assert get(server, "/healthz")[0] == 200
        assert idle[0].recv(1) == b""
        assert len(server._server._open) <= 4 + 1
        for one in idle:
            one.close()
