"""The node that tests and trials run on: found by whoever asks, and by nobody else."""

from __future__ import annotations

import os

import pytest

from tests.kafka_node import KafkaMissingError, KafkaNode, kafka_jars
from tests.kafka_node.__main__ import main
from tests.kafka_node.node import KafkaNodeError
from tests.kafka_node.node_config import properties


def test_a_running_node_is_found_from_elsewhere_and_not_started_twice(kafka, capsys):
    folder, pid = kafka.node.folder, kafka.node.pid()
    again = KafkaNode(folder)
    assert again.pid() == pid
    with pytest.raises(KafkaNodeError, match=f"runs here already .process {pid}"):
        again.start()
    assert main(["status", "--data", str(folder)]) == 0
    assert str(pid) in capsys.readouterr().out


def test_a_port_that_is_taken_is_an_error_that_names_it(kafka, tmp_path, capsys):
    assert main(["start", "--data", str(tmp_path), "--port", str(kafka.node.port)]) == 1
    assert f"port {kafka.node.port} of 127.0.0.1 is taken" in capsys.readouterr().err


def test_a_stranger_who_has_the_process_id_of_an_old_node_is_left_alone(tmp_path, capsys):
    (tmp_path / "kafka.pid").write_text(f"{os.getpid()}\n")
    node = KafkaNode(tmp_path)
    assert node.pid() is None
    node.stop()
    assert not (tmp_path / "kafka.pid").exists()
    assert main(["status", "--data", str(tmp_path)]) == 1
    assert "no Kafka runs" in capsys.readouterr().out


def test_where_kafka_is_not_here_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(KafkaMissingError, match="`make services` brings it"):
        kafka_jars()


def test_it_listens_on_loopback_only(tmp_path):
    text = properties(tmp_path, 1234, 5678, {"num.io.threads": "9"})
    values = dict(line.split("=", 1) for line in text.splitlines())
    assert values["num.io.threads"] == "9"
    for key in ("listeners", "advertised.listeners"):
        for address in values[key].split(","):
            assert "://127.0.0.1:" in address
