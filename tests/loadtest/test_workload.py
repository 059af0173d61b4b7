"""From a workload file and flags to settings, and the one line that says what is wrong."""

import math
from pathlib import Path

import pytest

from loadtest.config import Arrivals, RunConfig
from loadtest.errors import UsageError
from loadtest.workload import make_config

TARGET = {"target": "http://127.0.0.1:1"}


def write(path: Path, text: str) -> Path:
    file = path / "workload.yaml"
    file.write_text(text)
    return file


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    file = write(
        tmp_path, "target: http://a:1\narrivals: gamma\nburstiness: 0.5\nslo: [p50_e2e<1s]\n"
    )

    config = make_config(file, {})

    assert (config.target, config.arrivals, config.slo) == (
        "http://a:1",
        Arrivals.GAMMA,
        ("p50_e2e<1s",),
    )


def test_flags_stand_above_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "target: http://a:1\nrate: 5\nseed: 7\n")

    config = make_config(file, {"rate": 9.0, "seed": None, "slo": []})

    assert (config.rate, config.seed) == (9.0, 7)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("rate: -3\n", "1: rate is '-3', must be greater than 0", id="value"),
        pytest.param("rate: 1.0e-300\n", "1: rate: is 1e-300, must be at least 1e-06", id="tiny"),
        pytest.param(
            "# mine\nprotocol: v3\n", "2: protocol is 'v3', must be 'v2-infer', 'v2-", id="choice"
        ),
        pytest.param("rates: []\n", "1: rates is '[]', must be a valid string", id="type"),
        pytest.param("seed: 1\nseed: 2\n", "2: seed is given twice", id="twice"),
        pytest.param("seed: 1\n\nrat: 2\n", "3: rat is no setting", id="unknown"),
        pytest.param("rate: [1\n", "2: expected ',' or ']'", id="syntax"),
        pytest.param("seed: 1\nslo: ['p99<1']\n", "2: slo: gate 'p99<1'", id="gate"),
        pytest.param("seed: 2020-13-45\n", "1: seed is no value that can be read", id="date"),
        pytest.param("rate: !!float abc\n", "1: a tag is given, must be left out", id="tag"),
        pytest.param(
            f"seed: 1\nrate: {'9' * 5000}\n", "2: rate is no value that can be read", id="digits"
        ),
        pytest.param(f"slo: {'[' * 3000}", "1: too many levels", id="brackets"),
        pytest.param("rate: 1\nslo: &a [x]\nobjective: *a\n", "3: an alias", id="alias"),
        pytest.param("? [rate]\n: 1\n", "1: what is no text is no setting", id="key"),
        pytest.param("output: [1]\n", "1: output is '[1]', must be a path", id="path"),
        pytest.param('output: "a\\0"\n', "1: output: holds a NUL or what is no UTF-8", id="NUL"),
        pytest.param("prompt_tokens: 1-2\n", "1: prompt_tokens: length is '1-2'", id="lengths"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(
    tmp_path: Path, text: str, line: str
) -> None:
    file = write(tmp_path, text)

    with pytest.raises(UsageError) as raised:
        make_config(file, TARGET)

    assert str(raised.value).startswith(f"{file}:{line}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        pytest.param("header", "'Authorization: Bearer hush'", "a list", id="header"),
        pytest.param("header", "[{X-Api-Key: hush}]", "a valid string", id="header-mapping"),
        pytest.param("option", "system=hush", "a list", id="option"),
        pytest.param("bearer_token_file", "[hush]", "a path", id="token"),
        pytest.param("pushgateway", "['http://a/?hush']", "a valid string", id="pushgateway"),
        pytest.param("metrics_url", "http://a/?hush", "a list", id="metrics-url"),
    ],
)
def test_what_may_be_a_credential_is_not_shown(
    tmp_path: Path, name: str, value: str, must: str
) -> None:
    file = write(tmp_path, f"{name}: {value}\n")

    with pytest.raises(UsageError) as raised:
        make_config(file, TARGET)

    assert str(raised.value) == f"{file}:1: {name} must be {must}"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev"], ids=["without-end", "directory"])
def test_what_is_no_regular_file_is_not_read(path: str) -> None:
    with pytest.raises(UsageError, match=f"^{path} is no regular file, must be one$"):
        make_config(Path(path), TARGET)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "# more\n" * 20_000)

    with pytest.raises(UsageError, match=r"is larger than 131072 bytes$"):
        make_config(file, TARGET)


@pytest.mark.parametrize("value", [1e300, math.inf, math.nan], ids=["large", "inf", "nan"])
@pytest.mark.parametrize(
    "name",
    ["duration_s", "timeout_s", "drain_s", "lateness_limit_s", "think_time_s", "rate"],
)
def test_every_length_of_time_and_rate_is_bounded(name: str, value: float) -> None:
    flag = f"--{name.replace('_', '-')}"

    with pytest.raises(UsageError, match=f"^{flag} is '[^']+', must be [^\\n]+$"):
        make_config(None, TARGET | {name: value})


@pytest.mark.parametrize("text", ["", "- 1\n", "7\n"], ids=["nothing", "list", "number"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="must be a mapping of settings"):
        make_config(write(tmp_path, text), TARGET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: No such file or directory"):
        make_config(tmp_path / "none.yaml", TARGET)


def test_a_flag_that_is_wrong_is_named_with_its_value() -> None:
    with pytest.raises(UsageError, match=r"^--max-requests is '0', must be greater than 0$"):
        make_config(None, TARGET | {"max_requests": 0})


def test_a_flag_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"^--target is missing, and must be http://"):
        make_config(None, {})


def test_every_run_is_bounded_unless_told_otherwise() -> None:
    config = RunConfig(**TARGET)

    assert (config.duration_s, config.max_requests) == (60.0, 10_000)
