"""The repository index and the body that asks for it."""

import pytest

from predictor.errors import InvalidRequest
from predictor.protocol.repository import parse_index_request, repository_index

READY = {"name": "r1", "version": "1", "state": "READY", "reason": ""}
LOADING = {"name": "r1", "version": "1", "state": "UNAVAILABLE", "reason": "is loading"}


@pytest.mark.parametrize(
    ("unreadiness", "only_ready", "index"),
    [
        (None, False, [READY]),
        (None, True, [READY]),
        ("is loading", False, [LOADING]),
        ("is loading", True, []),
    ],
    ids=["ready", "ready-asked", "loading", "loading-not-asked"],
)
def test_the_index_has_the_model_and_why_it_is_not_ready(unreadiness, only_ready, index):
    assert repository_index("r1", "1", unreadiness, only_ready=only_ready) == index


@pytest.mark.parametrize(
    ("body", "only_ready"),
    [(b"", False), (b"{}", False), (b'{"ready": false}', False), (b'{"ready": true}', True)],
    ids=["none", "empty", "false", "true"],
)
def test_all_models_are_asked_for_unless_the_body_says_otherwise(body, only_ready):
    assert parse_index_request(body) is only_ready


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "the body is a list, must be an object"),
        (b'{"ready": 1}', "ready is 1, must be true or false"),
        (b'{"ready": null}', "ready is null, leave it out"),
        (b'{"repository_name": "a"}', "repository_name"),
        (b"{", "the body is not JSON"),
    ],
    ids=["list", "number", "null", "unknown", "cut"],
)
def test_a_body_that_asks_for_something_else_is_refused(body, words):
    with pytest.raises(InvalidRequest, match=words):
        parse_index_request(body)
