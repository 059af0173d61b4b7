"""locust's FastHttpUser posting one V2 body; only locust's own environment reads this."""

from typing import Final

from locust import FastHttpUser, task  # type: ignore[import-not-found]

# What r1-loadtest sends, but for the numbers that differ.
_BODY: Final = (
    b'{"id":"0123456789ab-12345","inputs":[{"name":"text_input","shape":[1],"datatype":"BYTES",'
    b'"data":["What is 12 + 34? Answer with the number."]}]}'
)
_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class Client(FastHttpUser):
    """No wait between requests; the answer's body is not looked at."""

    @task
    def infer(self) -> None:
        self.client.post("/v2/models/r1/infer", data=_BODY, headers=_HEADERS)
