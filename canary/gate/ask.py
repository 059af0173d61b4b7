"""One revision asked over V2 REST: an answer, or why there is none.

Only where a header's file cannot be sent is nothing asked, which tells of no revision: InputError.

Reference: the Open Inference Protocol, and its generate extension for streams.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from canary.gate.prompts import Prompt
from canary.gate.target import Target, trust

CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 120.0
# Greedy, so that nothing is drawn; the seed is for servers that draw nevertheless.
SEED: Final = 7
_WARM_UP_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer, such as "503" or "ReadTimeout"; no text of an answer."""

    reason: str


class Revision:
    """A tag host; ``clock`` is monotonic, in seconds."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        self._http = httpx.Client(
            base_url=target.url,
            verify=trust(target.ca_file),
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )
        self._model = ""

    def close(self) -> None:
        self._http.close()

    def find_model(self, name: str | None) -> Failure | None:
        """Learn the model's name, where it is not given, and whether the model is ready."""
        if name is None:
            listed = self._json("GET", "/v2/models")
            if isinstance(listed, Failure):
                return listed
            names = listed.get("models")
            if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
                return Failure("/v2/models names not exactly one model: name it")
            (name,) = names
        self._model = name
        ready = self._json("GET", f"/v2/models/{name}/ready")
        return ready if isinstance(ready, Failure) else None

    def answer(self, prompt: Prompt, max_tokens: int) -> str | Failure:
        """Return the greedy answer, without the reasoning."""
        question = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [prompt.text]}
        body = {
            "inputs": [question],
            "parameters": {"temperature": 0, "seed": SEED, "max_tokens": max_tokens},
            "outputs": [{"name": "text_output"}],
        }
        answered = self._json("POST", f"/v2/models/{self._model}/infer", body)
        if isinstance(answered, Failure):
            return answered
        for output in _list(answered.get("outputs")):
            if isinstance(output, dict) and output.get("name") == "text_output":
                data = _list(output.get("data"))
                return data[0] if data and isinstance(data[0], str) else Failure("no text_output")
        return Failure("no text_output")

    def time_to_first_token(self, prompt: Prompt, max_tokens: int) -> float | Failure:
        """Return the seconds until the first event of a stream, which is read to its end."""
        parameters = {"temperature": 0, "max_tokens": min(max_tokens, _WARM_UP_TOKENS)}
        body = {"text_input": prompt.text, "parameters": parameters}
        path = f"/v2/models/{self._model}/generate_stream"
        started_s, first_s = self._clock(), None
        try:
            with self._http.stream("POST", path, json=body, **self._sent()) as response:
                if not response.is_success:
                    return Failure(str(response.status_code))
                for line in response.iter_lines():
                    if not line.startswith("data:"):
                        continue
                    if first_s is None:
                        first_s = self._clock()
                    if "error" in json.loads(line.removeprefix("data:")):
                        return Failure("error in the stream")
        except (httpx.HTTPError, ValueError, TypeError) as error:
            return Failure(type(error).__name__)
        return Failure("empty stream") if first_s is None else first_s - started_s

    def _json(self, method: str, path: str, body: object = None) -> dict[str, Any] | Failure:
        try:
            response = self._http.request(method, path, json=body, **self._sent())
            if not response.is_success:
                return Failure(str(response.status_code))
            parsed = json.loads(response.content)
        except (httpx.HTTPError, ValueError) as error:
            return Failure(type(error).__name__)
        return parsed if isinstance(parsed, dict) else Failure("no JSON object")

    def _sent(self) -> dict[str, Any]:
        """Return what goes with each request: the headers as they are now, the host for TLS."""
        host = self._target.host
        headers = self._target.read_headers()
        if host is None:
            return {"headers": headers}
        return {
            "headers": {**headers, "Host": host},
            "extensions": {"sni_hostname": host.partition(":")[0]},
        }


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
