"""One request to a tag host, and what it is told to have failed of."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from canary.errors import InputError
from canary.gate.ask import Failure, Revision
from canary.gate.prompts import Prompt
from canary.gate.target import Target
from tests.canary.gate.fault_server import Server, answering, serving
from tests.loadtest.net.certificates import Authority
from tests.predictor.server.conftest import Predictor

SUM = Prompt("What is 128 + 367?", "495")


@pytest.mark.parametrize(
    ("infer", "reason"),
    [
        pytest.param(lambda _: 503, "503", id="status"),
        pytest.param(lambda _: "no JSON", "JSONDecodeError", id="no JSON"),
        pytest.param(lambda _: "[]", "no JSON object", id="list"),
        pytest.param(lambda _: {"outputs": [{"name": "b"}]}, "no text_output", id="no output"),
        pytest.param(lambda _: {"outputs": 1}, "no text_output", id="no outputs"),
        pytest.param(
            lambda _: {"outputs": [{"name": "text_output", "data": [1]}]},
            "no text_output",
            id="no text",
        ),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_failure(
    infer: Callable[[str], object], reason: str
) -> None:
    with serving(Server(infer)) as server, closing(Revision(Target(server.url))) as revision:
        assert revision.answer(SUM, 9) == Failure(reason)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        pytest.param(lambda _: 500, "500", id="status"),
        pytest.param(lambda _: {"error": "x"}, "error in the stream", id="error event"),
        pytest.param(lambda _: "", "empty stream", id="empty"),
        pytest.param(lambda _: "data: {\n\n", "JSONDecodeError", id="no JSON"),
    ],
)
def test_a_stream_that_fails_has_no_time_to_first_token(
    stream: Callable[[str], object], reason: str
) -> None:
    server = Server(answering, stream)
    with serving(server), closing(Revision(Target(server.url))) as revision:
        assert revision.time_to_first_token(SUM, 9) == Failure(reason)


def test_the_predictor_is_found_ready_and_answers(predictor: Predictor) -> None:
    with closing(Revision(Target(predictor.url))) as revision:
        assert revision.find_model(None) is None
        assert revision.answer(SUM, 200) == "495"
        ttft_s = revision.time_to_first_token(SUM, 200)
    assert isinstance(ttft_s, float)
    assert 0 < ttft_s < 60


def test_the_time_to_first_token_ends_before_the_stream_does(predictor: Predictor) -> None:
    ticks = iter(range(100))
    with closing(Revision(Target(predictor.url), clock=lambda: float(next(ticks)))) as revision:
        assert revision.find_model("r1") is None
        assert revision.time_to_first_token(SUM, 200) == 1.0


def test_a_gateway_gets_the_tag_host_and_the_headers(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    server = Server(infer=lambda _: answering("1"))
    with serving(server):
        target = Target(server.url, "prev-r1-predictor.r1.example.com", {"A": f"Bearer @{token}"})
        with closing(Revision(target)) as revision:
            revision.answer(SUM, 9)
            token.write_text("second\n")
            revision.answer(SUM, 9)
    sent = [headers for _, headers in server.seen]
    assert [headers["host"] for headers in sent] == ["prev-r1-predictor.r1.example.com"] * 2
    assert [headers["a"] for headers in sent] == ["Bearer first", "Bearer second"]


def test_without_its_token_nothing_is_asked_and_no_answer_counted(tmp_path: Path) -> None:
    server = Server(infer=lambda _: answering("495"))
    with serving(server):
        target = Target(server.url, headers={"A": f"Bearer @{tmp_path}/none"})
        with closing(Revision(target)) as revision, pytest.raises(InputError, match="none: No"):
            revision.answer(SUM, 9)
    assert server.seen == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("latest-r1-predictor.test", "495", id="the host the gateway has"),
        pytest.param("prev-r1-predictor.test", Failure("ConnectError"), id="another"),
    ],
)
def test_a_gateways_certificate_must_be_the_tag_hosts(
    tmp_path: Path, host: str, expected: str | Failure
) -> None:
    authority = Authority(tmp_path)
    server = Server(infer=lambda _: answering("495"))
    with serving(server, authority.server("latest-r1-predictor")):
        target = Target(f"https://127.0.0.1:{server.port}", host, ca_file=str(authority.path))
        with closing(Revision(target)) as revision:
            assert revision.answer(SUM, 9) == expected
