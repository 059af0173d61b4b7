"""Every bad REST request of the corpus against the running server: refused, in the right words,
and its neighbour on the same connection served."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.predictor.server.corpus import (
    rest_cases_accepted,
    rest_cases_binary,
    rest_cases_contract,
    rest_cases_generate,
    rest_cases_http,
    rest_cases_inputs,
    rest_cases_json,
    rest_cases_openai,
    rest_cases_options,
    rest_cases_routes,
)
from tests.predictor.server.corpus.checks import SECRET, Watch, check_message
from tests.predictor.server.corpus.connection import Connection, Response
from tests.predictor.server.corpus.rest import MODEL, Case, get, post

BAD = {
    **rest_cases_json.GROUPS,
    **rest_cases_inputs.GROUPS,
    **rest_cases_contract.GROUPS,
    **rest_cases_options.GROUPS,
    **rest_cases_binary.GROUPS,
    **rest_cases_routes.GROUPS,
    **rest_cases_generate.GROUPS,
    **rest_cases_openai.GROUPS,
}
NEIGHBOUR = get(f"{MODEL}/ready")
NEIGHBOURS_ANSWER = b'{"name":"r1","ready":true}'
QUESTION = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}


def each(groups: dict[str, dict[str, Case]]) -> Any:
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=f"{group}: {name}")
            for group, cases in groups.items()
            for name, case in cases.items()
        ],
    )


@pytest.fixture(scope="module", autouse=True)
def watch(predictor: Any) -> Watch:
    return Watch.begin(predictor)


@pytest.fixture
def connection(predictor: Any) -> Iterator[Connection]:
    with Connection(predictor.url) as connection:
        yield connection


def message_of(response: Response) -> str:
    """Return the error's sentence, which OpenAI's routes have in an object."""
    assert list(response.json) == ["error"]
    error = response.json["error"]
    message = error if isinstance(error, str) else error["message"]
    assert isinstance(message, str)
    return message


def check_refusal(response: Response, case: Case) -> None:
    assert response.status == case.status
    check_message(message_of(response), case.words)
    assert SECRET not in repr(response)
    assert response.headers["content-type"] == "application/json"
    assert ("allow" in response.headers) == (response.status == 405)
    assert not any(name.startswith("access-control-") for name in response.headers)


def check_neighbour(response: Response) -> None:
    assert (response.status, response.body) == (200, NEIGHBOURS_ANSWER)


@each(BAD)
def test_a_bad_request_is_refused_in_the_right_words_and_the_next_behind_it_is_served(
    connection: Connection, case: Case
) -> None:
    connection.send(case.request + NEIGHBOUR)

    check_refusal(connection.read(), case)
    check_neighbour(connection.read())


@each(rest_cases_http.GROUPS)
def test_what_is_no_http_or_too_much_of_it_is_told_so_and_only_its_connection_is_closed(
    predictor: Any, connection: Connection, case: Case
) -> None:
    connection.send(case.request)

    response = connection.read()
    check_refusal(response, case)
    assert response.headers["connection"] == "close"
    assert connection.read_to_end() == b""
    with Connection(predictor.url) as another:
        another.send(NEIGHBOUR)
        check_neighbour(another.read())


@each(rest_cases_accepted.GROUPS)
def test_what_only_looks_bad_is_served(connection: Connection, case: Case) -> None:
    connection.send(case.request + NEIGHBOUR)

    response = connection.read()
    assert response.status == 200
    assert case.words in response.body.decode()
    check_neighbour(connection.read())


@pytest.mark.parametrize("cases", BAD.values(), ids=BAD)
def test_a_generation_behind_a_whole_group_of_bad_requests_is_right(
    connection: Connection, cases: dict[str, Case]
) -> None:
    for case in cases.values():
        connection.send(case.request)
        connection.read()

    connection.send(post(f"{MODEL}/generate", QUESTION))
    assert connection.read().json["text_output"] == "12"


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"], ids=["", "expecting 100"])
def test_a_body_declared_too_large_is_refused_before_it_is_sent(
    connection: Connection, expect: str
) -> None:
    head = f"POST {MODEL}/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 400000000\r\n{expect}\r\n"
    connection.send(head.encode())

    words = "the body is 400000000 bytes long, must be at most 4194304"
    check_refusal(connection.read(), Case(b"", 413, words))


def test_nothing_restarted_and_no_prompt_was_logged(watch: Watch) -> None:
    watch.check()
