"""Ports, times and limits are the predictor's."""

import dataclasses
import re
from pathlib import Path

import pytest

from predictor.config import EngineConfig, Limits, ServerConfig
from predictor.errors import RETRY_AFTER_S
from predictor.server.lifecycle import LAST_WORDS_S
from tests.manifests.single_host.front import FOLDER, readme

ETC = FOLDER / "etc"
LIMITS = Limits()
SERVER = ServerConfig(model_dir=Path())
ENGINE = EngineConfig(model_dir=Path())
FLAGS = {
    field.name
    for config in (Limits, ServerConfig, EngineConfig)
    for field in dataclasses.fields(config)
}


def numbers(path: str, pattern: str) -> list[int]:
    return [int(number) for number in re.findall(pattern, (ETC / path).read_text())]


def environment(name: str) -> dict[str, str]:
    lines = (ETC / "r1" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("nginx.conf", r"\n    client_max_body_size (\d+);", LIMITS.max_body_bytes),
        ("nginx.conf", r"\n    client_body_buffer_size (\d+);", LIMITS.max_body_bytes),
        ("r1/error-bodies.conf", r"default (\d+);", LIMITS.max_body_bytes),
        ("nginx.conf", r"limit_conn r1_open (\d+);", ENGINE.max_num_seqs),
        ("r1/timeouts.conf", r"client_header_timeout (\d+)s", LIMITS.header_timeout_s),
        ("r1/timeouts.conf", r"client_body_timeout (\d+)s", LIMITS.body_timeout_s),
        ("r1/timeouts.conf", r"send_timeout (\d+)s", LIMITS.write_timeout_s),
        ("r1/timeouts.conf", r"keepalive_timeout (\d+)s", LIMITS.idle_timeout_s),
        ("r1/proxy.conf", r"proxy_send_timeout (\d+)s", LIMITS.body_timeout_s),
        ("r1/grpc.conf", r"grpc_send_timeout (\d+)s", LIMITS.body_timeout_s),
        ("r1/error-bodies.conf", r"(?:429|502) (\d+);", RETRY_AFTER_S),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_nginx_has_the_predictors_number(path: str, pattern: str, expected: float) -> None:
    assert set(numbers(f"nginx/{path}", pattern)) == {expected}


def test_nginx_takes_heads_as_long_as_the_predictor_does() -> None:
    (found,) = re.findall(
        r"large_client_header_buffers (\d+) (\d+)k", (ETC / "nginx/nginx.conf").read_text()
    )

    assert int(found[0]) * int(found[1]) * 2**10 == LIMITS.max_header_bytes


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("r1/proxy.conf", r"proxy_read_timeout (\d+)s"),
        ("r1/grpc.conf", r"grpc_read_timeout (\d+)s"),
        ("r1/grpc.conf", r"client_body_timeout (\d+)s"),
    ],
    ids=["REST", "gRPC", "gRPC streams"],
)
def test_the_predictor_gives_up_before_nginx_does(path: str, pattern: str) -> None:
    (timeout_s,) = numbers(f"nginx/{path}", pattern)

    assert LIMITS.request_timeout_s + 5 < timeout_s < LIMITS.request_timeout_s + 60


def test_nginx_drops_idle_connections_before_the_predictor_does() -> None:
    timeouts_s = numbers("nginx/r1/backends.conf", r"keepalive_timeout (\d+)s")

    assert len(timeouts_s) == 2
    assert max(timeouts_s) < LIMITS.idle_timeout_s - 5


def test_a_stop_gives_every_accepted_request_its_time() -> None:
    grace_s = float(environment("common.env")["R1_GRACE_PERIOD_S"])
    (stop_s,) = numbers("systemd/system/r1-predictor@.service", r"TimeoutStopSec=(\d+)")

    assert grace_s >= LIMITS.request_timeout_s
    assert grace_s + LAST_WORDS_S < stop_s
    assert f"at most {stop_s} s" in readme()


def test_nginx_asks_the_ports_that_the_predictors_listen_on() -> None:
    listening = [environment(name) for name in ("0.env", "1.env")]
    http = [int(each["R1_HTTP_PORT"]) for each in listening]
    grpc = [int(each["R1_GRPC_PORT"]) for each in listening]
    groups = dict(
        re.findall(
            r"upstream (\w+) \{(.*?)\n\}", (ETC / "nginx/r1/backends.conf").read_text(), re.S
        )
    )
    asked = {
        name: [int(port) for port in re.findall(r"server 127\.0\.0\.1:(\d+)", text)]
        for name, text in groups.items()
    }

    assert (http[0], grpc[0]) == (SERVER.http_port, SERVER.grpc_port)
    assert asked == {"r1_http": http, "r1_grpc": grpc, "r1_not_0": http[1:], "r1_not_1": http[:1]}


@pytest.mark.parametrize("name", ["common.env", "0.env", "1.env"])
def test_every_variable_is_a_flag(name: str) -> None:
    ours = {key for key in environment(name) if key.startswith("R1_")}

    assert {key.removeprefix("R1_").lower() for key in ours} <= FLAGS
    assert set(environment(name)) - ours <= {"CUDA_VISIBLE_DEVICES"}


def test_the_readme_names_every_file() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()} - {
        "README.md"
    }

    assert set(re.findall(r"`(etc/[^`]+)`", readme())) == files
