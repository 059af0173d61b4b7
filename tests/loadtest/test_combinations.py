"""Which settings go together."""

from pathlib import Path

import pytest

from loadtest.combinations import check_combinations
from loadtest.config import RunConfig
from loadtest.errors import UsageError

HTTP = "http://127.0.0.1:8080"
HTTPS = "https://127.0.0.1:8443"
FILE = Path("file")

RIGHT = {
    "poisson": {"rate": 1},
    "constant": {"arrivals": "constant", "rate": 1},
    "warmup-of-most": {"rate": 1, "warmup": "1.9s", "duration_s": 2},
    "gamma": {"arrivals": "gamma", "rate": 1, "burstiness": 0.5},
    "ramp": {"arrivals": "ramp", "rates": "1:30s,5:0s"},
    "step": {"arrivals": "step", "rates": "1:30s,5:30s"},
    "trace": {"arrivals": "trace", "trace_file": FILE, "prompts": "trace", "ignore_eos": True},
    "trace-times": {"arrivals": "trace", "trace_file": FILE},
    "closed": {"arrivals": "closed", "concurrency": 8, "workers": 2},
    "closed-grpc": {
        "arrivals": "closed",
        "concurrency": 5000,
        "protocol": "grpc-infer",
        "target": "grpc://127.0.0.1:8081",
    },
    "synthetic": {
        "rate": 1,
        "prompts": "synthetic",
        "prompt_tokens": "uniform:5..9",
        "output_tokens": "7",
        "ignore_eos": True,
        "prefix_groups": 2,
        "prefix_tokens": 16,
    },
    "conversations": {"rate": 1, "turns": 3, "think_time_s": 1, "check_answers": True},
    "file": {"rate": 1, "prompts": "file", "prompt_file": FILE, "think_time_s": 2},
    "mtls": {
        "rate": 1,
        "target": HTTPS,
        "ca_file": FILE,
        "client_cert": FILE,
        "client_key": FILE,
        "server_name": "a",
    },
}

LEGS = "1:50s,2:50s"
WRONG = {
    "rate-missing": ({}, "rate is missing, must be given with arrivals=poisson"),
    "rate-missing-gamma": (
        {"arrivals": "gamma"},
        "rate is missing, must be given with arrivals=gamma",
    ),
    "rate-of-closed": (
        {"arrivals": "closed", "concurrency": 1, "rate": 5},
        "rate is 5.0, must be left out with arrivals=closed",
    ),
    "concurrency-missing": (
        {"arrivals": "closed"},
        "concurrency is missing, must be given with arrivals=closed",
    ),
    "concurrency-of-open": (
        {"rate": 1, "concurrency": 3},
        "concurrency is 3, must be left out with arrivals=poisson",
    ),
    "rates-missing": ({"arrivals": "ramp"}, "rates is missing, must be given with arrivals=ramp"),
    "rates-extra": (
        {"rate": 1, "rates": LEGS},
        f"rates is {LEGS}, must be left out with arrivals=poisson",
    ),
    "rates-wrong": (
        {"arrivals": "step", "rates": "1"},
        "rates is '1', leg 1 is '1', must be RATE:DURATION such as 10:60s, with ms, s, m or h",
    ),
    "rates-beyond-duration": (
        {"arrivals": "step", "rates": LEGS},
        "duration_s is 60, must be at least 100, as long as rates",
    ),
    "rates-above-any-client": (
        {"arrivals": "step", "rates": "1:5s,1000001:5s"},
        "rates is '1:5s,1000001:5s', a rate of it must be at most 1000000",
    ),
    "warmup-of-all": (
        {"rate": 1, "warmup": "2s", "duration_s": 2},
        "warmup is 2s, must be below duration_s, 2: it would leave nothing to measure",
    ),
    "step-of-nothing": (
        {"arrivals": "step", "rates": "1:5s,2:0s"},
        "rates is '1:5s,2:0s', a step of 0s has no effect",
    ),
    "burstiness-of-poisson": (
        {"rate": 1, "burstiness": 2},
        "burstiness is 2.0, has no effect without arrivals=gamma",
    ),
    "trace-missing": (
        {"arrivals": "trace"},
        "trace_file is missing, must be given with arrivals=trace",
    ),
    "trace-extra": (
        {"rate": 1, "trace_file": FILE},
        "trace_file is file, must be left out with arrivals=poisson",
    ),
    "few-connections": (
        {"rate": 1, "workers": 9, "max_connections": 8},
        "max_connections is 8, must be at least workers, 9",
    ),
    "idle-workers": (
        {"arrivals": "closed", "concurrency": 2, "workers": 3},
        "workers is 3, must be at most concurrency, 2",
    ),
    "concurrency-without-connections": (
        {"arrivals": "closed", "concurrency": 9, "max_connections": 8},
        "concurrency is 9, must be at most max_connections, 8: each request needs a connection "
        "of its own",
    ),
    "prompt-file-missing": (
        {"rate": 1, "prompts": "file"},
        "prompt_file is missing, must be given with prompts=file",
    ),
    "prompt-file-extra": (
        {"rate": 1, "prompt_file": FILE},
        "prompt_file is file, must be left out with prompts=arithmetic",
    ),
    "trace-prompts-without-times": (
        {"rate": 1, "prompts": "trace"},
        "prompts is trace, has no effect without arrivals=trace",
    ),
    "prompt-tokens-of-arithmetic": (
        {"rate": 1, "prompt_tokens": "128"},
        "prompt_tokens is 128, has no effect without prompts=synthetic",
    ),
    "answers-of-synthetic": (
        {"rate": 1, "prompts": "synthetic", "check_answers": True},
        "check_answers is True, has no effect without prompts=arithmetic or prompts=file",
    ),
    "ignore-eos-without-length": (
        {"rate": 1, "ignore_eos": True},
        "ignore_eos is True, has no effect without output_tokens",
    ),
    "prefix-groups-alone": (
        {"rate": 1, "prompts": "synthetic", "prefix_groups": 3},
        "prefix_groups is 3, has no effect without prefix_tokens",
    ),
    "prefix-tokens-alone": (
        {"rate": 1, "prompts": "synthetic", "prefix_tokens": 3},
        "prefix_tokens is 3, has no effect without prefix_groups",
    ),
    "prefix-of-arithmetic": (
        {"rate": 1, "prefix_groups": 3, "prefix_tokens": 3},
        "prefix_groups is 3, has no effect without prompts=synthetic",
    ),
    "prefix-too-long": (
        {"rate": 1, "prompts": "synthetic", "prefix_groups": 3, "prefix_tokens": 1048577},
        "prefix_tokens is 1048577, must be at most 1048576",
    ),
    "turns-of-file": (
        {"rate": 1, "prompts": "file", "prompt_file": FILE, "turns": 2},
        "turns is 2, has no effect without prompts=arithmetic or prompts=synthetic",
    ),
    "thinking-after-one-turn": (
        {"rate": 1, "think_time_s": 1},
        "think_time_s is 1.0, has no effect without turns above 1",
    ),
    "ca-without-tls": (
        {"rate": 1, "ca_file": FILE},
        "ca_file is file, has no effect without a target of https:// or grpcs://",
    ),
    "key-without-certificate": (
        {"rate": 1, "target": HTTPS, "client_key": FILE},
        "client_key is file, has no effect without client_cert",
    ),
    "certificate-without-key": (
        {"rate": 1, "target": HTTPS, "client_cert": FILE},
        "client_cert is file, has no effect without client_key",
    ),
    "path-of-grpc": (
        {"rate": 1, "protocol": "grpc-infer", "path_prefix": "/a", "target": "grpc://a"},
        "path_prefix is /a, has no effect without a protocol over HTTP",
    ),
    "target-of-http-for-grpc": (
        {"rate": 1, "protocol": "grpc-stream", "target": "https://no-such-host.invalid"},
        "target is 'https://no-such-host.invalid', must be grpc://HOST[:PORT] or "
        "grpcs://HOST[:PORT] with protocol grpc-stream",
    ),
    "option-wrong": (
        {"rate": 1, "option": ("temperature",)},
        "option number 1 must be NAME=JSON such as temperature=0",
    ),
}


@pytest.mark.parametrize("settings", RIGHT.values(), ids=RIGHT)
def test_settings_that_go_together_pass(settings: dict[str, object]) -> None:
    check_combinations(RunConfig.model_validate({"target": HTTP, **settings}))


@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG)
def test_settings_that_do_not_are_named(settings: dict[str, object], message: str) -> None:
    config = RunConfig.model_validate({"target": HTTP, **settings})
    with pytest.raises(UsageError) as caught:
        check_combinations(config)
    assert str(caught.value) == message


def test_a_gate_that_the_protocol_cannot_measure_is_refused() -> None:
    config = RunConfig(
        target="http://127.0.0.1:1", rate=1, protocol="v2-infer", slo=("p99_ttft<1s",)
    )

    with pytest.raises(UsageError, match="ttft is of streams, and protocol v2-infer is none"):
        check_combinations(config)
