"""What the front writes down."""

from collections.abc import Callable

import httpx

from tests.manifests.single_host.front import Front

PLANTED = "the-planted-words"


def test_no_word_of_a_client_reaches_a_log(front: Front, start_front: Callable[..., Front]) -> None:
    fronts = [front, start_front([None] * 4)]

    for each in fronts:
        with each.client() as client, each.client({}) as stranger:
            say_everywhere(client)
            say_everywhere(stranger)
            stranger.get("/v2", auth=(PLANTED, PLANTED))
            stranger.get("/v2/health/ready", auth=(PLANTED, PLANTED))

    for each in fronts:
        assert each.access_log()
        assert PLANTED not in (each.log("access") + each.log("error")).lower()


def say_everywhere(client: httpx.Client) -> None:
    body = {"text_input": PLANTED, "parameters": {"max_tokens": 2}}
    headers = {"x-note": PLANTED, "x-request-id": f"{PLANTED} {PLANTED}", "user-agent": PLANTED}
    for path in ("/v2/models/r1/generate", f"/v2/models/{PLANTED}/generate", f"/{PLANTED}"):
        client.post(path, json=body, params={"prompt": PLANTED}, headers=headers)
    client.request(PLANTED, "/v2", headers={"traceparent": PLANTED, "referer": PLANTED})


def test_a_request_is_one_line_that_names_who_asked_for_what_and_who_answered(
    front: Front,
) -> None:
    with front.client() as client:
        response = client.get("/v2/models/r1/ready")

    line = front.line_of(response.headers["x-request-id"])
    assert line["identity"].startswith("client-")
    assert (line["method"], line["route"], line["status"]) == ("GET", "ready", 200)
    assert line["upstream"].startswith("127.0.0.1:")
    assert line["upstream_status"] == "200"
