"""TF_CONFIG is read as TensorFlow reads it, or refused with the reason; ports are held from when they are chosen."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from levada.errors import ProjectError
from levada.training.cluster import Cluster, on_this_machine

TWO = ["10.0.0.1:2222", "10.0.0.2:2222"]


def config(cluster: Any, kind: Any = "worker", index: Any = 0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_a_cluster_is_read_and_written() -> None:
    cluster = Cluster(tuple(TWO), 1)
    assert Cluster.from_config(cluster.config()) == cluster
    assert (cluster.size, cluster.address, cluster.port) == (2, TWO[1], 2222)


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_an_empty_config_is_no_cluster(text: str) -> None:
    assert Cluster.from_config(text) is None


def test_the_chief_comes_first() -> None:
    cluster = {"worker": TWO, "chief": ["10.0.0.9:1"], "evaluator": ["10.0.0.8:1"]}
    found = Cluster.from_config(config(cluster, index=1))
    assert found == Cluster(("10.0.0.9:1", *TWO), 2)
    assert Cluster.from_config(config(cluster, "chief")) == Cluster(("10.0.0.9:1", *TWO), 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "TF_CONFIG is not JSON"),
        ("[]", "TF_CONFIG has no 'cluster'"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG has no 'task'"),
        (config({"worker": TWO}, index=2), "this process is worker 2, and its cluster has worker 0 to 1"),
        (config({"worker": TWO}, "chief"), "this process is a 'chief', and its cluster has worker"),
        (config({"worker": TWO}, "evaluator"), "this process is a 'evaluator'"),
        (config({"worker": TWO, "ps": ["10.0.0.3:1"]}), "a job 'ps', which takes no part in synchronous training"),
        (config({"wroker": TWO}), "Did you mean worker?"),
        (config({"worker": ["10.0.0.1"]}), "the address '10.0.0.1', which is not host:port"),
        (config({"worker": ["a:1", "a:1"]}), "gives a:1 to two workers"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Cluster.from_config(text)
    assert said in str(caught.value)


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        cluster = Cluster((f"127.0.0.1:{port}", "127.0.0.1:1"))
        with pytest.raises(ProjectError, match=f"worker 0 of 2, at 127.0.0.1:{port}; port {port} .* is in use already"):
            cluster.check_port()
    cluster.check_port()


def test_held_ports_are_nobody_elses() -> None:
    """Not for a program that asks for one by number, nor for one that takes what it gets; for a worker they are."""
    with on_this_machine(3) as cluster:
        ports = {cluster.at(place).port for place in range(3)}
        assert len(ports) == 3
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", cluster.port))
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("", cluster.port))
            worker.listen()
            with socket.create_connection(("127.0.0.1", cluster.port)):
                pass
        with on_this_machine(50) as other:
            assert not ports & {other.at(place).port for place in range(50)}
