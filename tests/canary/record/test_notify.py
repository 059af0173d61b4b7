import json
import socket

import pytest

from canary.record.entry import Told
from canary.record.notify import Notifier, json_payload, slack_payload
from canary.rollout.actions import Note
from tests.canary.closed_port import closed_port
from tests.canary.record.receiver import receive
from tests.canary.record.story import BEGAN, ID, make_rollout

HELD = Told(BEGAN, Note("Held", "a <b> & c", is_warning=True, numbers={"percent": 5}), 7)
BEGUN = Told(BEGAN, Note("StepBegun", "5 % of users"))


def notify(url_file, *told, payload=json_payload) -> list[str]:
    """Have them posted, and return what was told of it."""
    said: list[str] = []
    notifier = Notifier(url_file, payload, said.append, pause_s=0.001)
    for one in told:
        notifier.record(make_rollout(), [one])
    notifier.close(patience_s=20.0)
    return said


@pytest.fixture
def url_file(tmp_path):
    return tmp_path / "webhook"


def test_a_decision_is_posted_with_its_numbers(url_file):
    with receive() as received:
        url_file.write_text(f"{received.url}/planted\n")
        assert notify(url_file, HELD, BEGUN) == []
    first, second = map(json.loads, received.bodies)
    assert received.paths == ["/planted", "/planted"]
    assert (first["rollout"], first["phase"], first["percent"]) == (ID, "stepping", 5)
    assert first["decision"] == {
        "number": 7,
        "time": "2026-09-21T14:13:20.000Z",
        "reason": "Held",
        "text": "a <b> & c",
        "is_warning": True,
        "numbers": {"percent": 5},
    }
    assert second["decision"]["reason"] == "StepBegun"


def test_slack_gets_a_text_that_cannot_mention_anybody(url_file):
    with receive() as received:
        url_file.write_text(received.url)
        notify(url_file, HELD, payload=slack_payload)
    assert json.loads(received.bodies[0]) == {
        "text": ":warning: *r1* in models: *Held*\na &lt;b&gt; &amp; c"
    }


@pytest.mark.parametrize(
    ("note", "num_posted"),
    [
        (Note("Judged", "inconclusive"), 0),
        (Note("Judged", "bad", is_warning=True), 1),
        (Note("Promoted", "all users"), 1),
    ],
    ids=["a look", "a warning", "a decision"],
)
def test_looks_are_not_posted(url_file, note, num_posted):
    with receive() as received:
        url_file.write_text(received.url)
        notify(url_file, Told(BEGAN, note))
    assert len(received.bodies) == num_posted


@pytest.mark.parametrize(
    ("statuses", "num_posted", "said"),
    [
        ((503, 429, 200), 3, []),
        ((500,), 3, ["the webhook answered 500; the rollout goes on without it"]),
        ((404,), 1, ["the webhook answered 404; the rollout goes on without it"]),
        ((302,), 1, ["the webhook answered 302; the rollout goes on without it"]),
    ],
    ids=["recovers", "stays broken", "gone", "redirects"],
)
def test_a_refusal_is_tried_again_where_that_may_help(url_file, statuses, num_posted, said):
    with receive(statuses, retry_after="0") as received:
        url_file.write_text(received.url)
        assert notify(url_file, HELD) == said
    assert len(received.bodies) == num_posted


def test_failures_in_a_row_are_told_once_and_again_after_a_success(url_file):
    with receive((404, 404, 200, 404)) as received:
        url_file.write_text(received.url)
        assert len(notify(url_file, HELD, HELD, HELD, HELD)) == 2
    assert len(received.bodies) == 4


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("http://127.0.0.1:{port}/planted", "cannot be reached (ConnectError)"),
        ("hooks.example/planted", "has no URL of http or https in"),
        ("ftp://hooks.example/planted", "has no URL of http or https in"),
        ("http://[planted", "cannot be reached (ConnectError)"),
        ("http://127.0.0.1:1/\nplanted", "has no URL of http or https in"),
        ("", "has no URL of http or https in"),
    ],
    ids=["closed", "no scheme", "scheme", "host", "lines", "empty"],
)
def test_a_broken_url_is_told_without_it(url_file, written, said):
    with closed_port() as port:
        url_file.write_text(written.format(port=port))
        (told,) = notify(url_file, HELD)
    assert said in told
    assert "planted" not in told


def test_a_missing_file_is_told(url_file):
    (told,) = notify(url_file, HELD)
    assert f"has no URL: {url_file}: No such file or directory" in told


def test_the_url_is_read_anew_for_each_post(url_file):
    with receive() as first, receive() as second:
        url_file.write_text(first.url)
        notify(url_file, HELD)
        url_file.write_text(second.url)
        notify(url_file, HELD)
    assert (len(first.bodies), len(second.bodies)) == (1, 1)


def test_a_rollout_does_not_wait_for_a_slow_webhook(url_file):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url_file.write_text(f"http://127.0.0.1:{silent.getsockname()[1]}")
        said: list[str] = []
        notifier = Notifier(url_file, json_payload, said.append)
        for _ in range(120):
            notifier.record(make_rollout(), [HELD])
        notifier.close(patience_s=0.05)
    assert said == [
        "the webhook is too slow: a decision was left out; the rollout goes on without it"
    ]
