"""The running server does what its OpenAPI document says, whatever schemathesis makes of it.

Bodies that fit their schema are first made to keep the rules that no schema can state, which the
document's descriptions tell. Each must then be served, so that no check needs an exception.
"""

import json
import struct
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from predictor.config import Limits
from predictor.model import SERVER_VERSION
from predictor.protocol.openapi.document import openapi_document

Members = dict[str, Any]

SEED = 20260101
TIMEOUT_S = 30
VOCABULARY_SIZE = 640
NUM_ROWS = 2
LISTS_AS_TEXT = {"stop": '["="]', "stop_token_ids": "[1, 2]"}
JSON_LENGTH = "Inference-Header-Content-Length"
DOCUMENT = openapi_document("r1", "1", SERVER_VERSION, Limits())
# Whatever lies around each bound of each schema is thousands of cases: generate's will do.
WITHOUT_COVERAGE = {
    "include-path-regex": "/versions/|/(infer|generate_stream|completions)$",
    "phases": {"coverage": {"enabled": False}},
}


# Hypothesis warns of the size of a case with dozens of long tensors.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
# ``statuses`` counts over all cases.
OVER_ALL_CASES = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def describe(*, num_examples: int, **others: Any) -> Any:
    """Return the document with ``num_examples`` random cases for each operation that takes any."""
    generation = {
        "mode": "all",
        "max-examples": num_examples,
        "deterministic": True,
        "database": "none",
        "no-shrink": True,
    }
    config = SchemathesisConfig.from_dict({"seed": SEED, "generation": generation, **others})
    return schemathesis.openapi.from_dict(DOCUMENT, config=config)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def statuses() -> Iterator[Counter[int]]:
    """Counts an operation's answers: some must be of a case that is served, some of others."""
    statuses: Counter[int] = Counter()
    yield statuses
    assert 0 < statuses[200] < statuses.total()


def test_the_document_is_served(predictor: Any, session: requests.Session) -> None:
    served = session.get(f"{predictor.url}/v2/openapi.json", timeout=TIMEOUT_S)

    assert served.headers["content-type"] == "application/json"
    assert served.json() == DOCUMENT


@describe(num_examples=12, operations=[WITHOUT_COVERAGE]).parametrize()
@OVER_ALL_CASES
def test_the_server_does_what_its_document_says(
    case: schemathesis.Case, predictor: Any, session: requests.Session, statuses: Counter[int]
) -> None:
    keep_rules(case)
    response = case.call_and_validate(predictor.url, session, timeout=TIMEOUT_S)
    statuses[response.status_code] += 1


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@describe(num_examples=700).parametrize()
@OVER_ALL_CASES
def test_the_server_does_what_its_document_says_in_ten_thousand_cases(
    case: schemathesis.Case, predictor: Any, session: requests.Session, statuses: Counter[int]
) -> None:
    keep_rules(case)
    response = case.call_and_validate(predictor.url, session, timeout=TIMEOUT_S)
    statuses[response.status_code] += 1


def keep_rules(case: schemathesis.Case) -> None:
    """Make a body that fits its schema keep the rules beyond it, with little to generate."""
    assert case.meta is not None
    if case.meta.is_negative_at(ParameterLocation.BODY):
        return
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        set_json_length(case)
    if isinstance(case.body, dict):
        body = without_fractions(case.body)
        for end, keep in RULES.items():
            if case.path.endswith(end):
                keep(body)
        case.body = body


def set_json_length(case: schemathesis.Case) -> None:
    """Give bytes the length of the JSON they begin with; JSON alone needs none."""
    case.headers.pop(JSON_LENGTH, None)
    if isinstance(case.body, bytes):
        _, length = json.JSONDecoder().raw_decode(case.body.decode("latin-1"))
        case.headers[JSON_LENGTH] = str(length)


def without_fractions(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [without_fractions(element) for element in value]
    if isinstance(value, dict):
        return {name: without_fractions(member) for name, member in value.items()}
    return value


def kept(name: str, value: Any) -> Any:
    """Return an option's value, or one like it that goes with the others and with the model."""
    if name == "max_tokens":
        return 1 + (value or 3) % 4
    if name == "min_tokens":
        return value and 1
    if name in LISTS_AS_TEXT and isinstance(value, str) and value.lstrip().startswith("["):
        return LISTS_AS_TEXT[name]
    if name == "stop_token_ids":
        return value and [token_id % VOCABULARY_SIZE for token_id in value]
    return value


def keep_options(options: Members) -> None:
    options.setdefault("max_tokens", None)
    if options.get("raw") or options.get("enable_thinking") is False:
        options.pop("max_thinking_tokens", None)
    options.update({name: kept(name, value) for name, value in options.items()})


def keep_generate(body: Members) -> None:
    keep_options(body.setdefault("parameters", {}))
    if "messages" in body:
        body["messages"][-1]["role"] = "user"


def keep_chat(body: Members) -> None:
    # Both are another member under a second name.
    body.pop("max_completion_tokens", None)
    body.pop("chat_template_kwargs", None)
    keep_options(body)
    body["messages"][-1] = {"role": "user", "content": "1+1="}


def keep_completions(body: Members) -> None:
    body.pop("max_thinking_tokens", None)
    keep_options(body)
    if isinstance(body["prompt"], list):
        del body["prompt"][4:]


def keep_infer(body: Members) -> None:
    parameters = body.setdefault("parameters", {})
    tensors = {tensor["name"]: tensor for tensor in body["inputs"]}
    outputs = {output["name"]: output for output in body.get("outputs", [])}
    for name in tensors:
        parameters.pop(name, None)
    for name, others in CONTRADICTED_BY.items():
        if others & {*tensors, *parameters}:
            tensors.pop(name, None)
            parameters.pop(name, None)
    if "logprobs" not in {*tensors, *parameters}:
        outputs.pop("logprobs", None)
    keep_options(parameters)
    if "max_tokens" in tensors:
        del parameters["max_tokens"]
    for tensor in tensors.values():
        keep_tensor(tensor)
    body.update(inputs=list(tensors.values()), outputs=list(outputs.values()))


CONTRADICTED_BY = {
    "raw": {"messages"},
    "enable_thinking": {"raw"},
    "max_thinking_tokens": {"raw", "enable_thinking"},
}


def keep_tensor(tensor: Members) -> None:
    name, data = tensor["name"], tensor["data"]
    is_column = isinstance(data[0], list)
    elements = islice(cycle([row[0] for row in data] if is_column else data), NUM_ROWS)
    if name == "messages":
        rows = [json.dumps([{"role": "user", "content": text}]) for text in elements]
    else:
        rows = [kept(name, element) for element in elements]
    tensor["data"] = [[row] for row in rows] if is_column else rows
    tensor["shape"][0] = NUM_ROWS


RULES = {
    "/infer": keep_infer,
    "/generate": keep_generate,
    "/generate_stream": keep_generate,
    "/chat/completions": keep_chat,
    "/v1/completions": keep_completions,
}


def binary_bodies() -> st.SearchStrategy[bytes]:
    """Bodies of infer with a prompt and a temperature as bytes, and outputs as asked for."""
    texts = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=3)
    return st.builds(binary_body, texts, st.floats(0.5, 2, width=32), st.booleans())


def binary_body(texts: list[str], temperature: float, wants_binary: bool) -> bytes:
    encoded = [text.encode() for text in texts]
    prompts = b"".join(struct.pack("<I", len(text)) + text for text in encoded)
    temperatures = struct.pack("<f", temperature) * len(texts)
    head = {
        "inputs": [
            binary_tensor("text_input", "BYTES", len(texts), prompts),
            binary_tensor("temperature", "FP32", len(texts), temperatures),
        ],
        "parameters": {"max_tokens": 4, "binary_data_output": wants_binary},
    }
    return json.dumps(head).encode() + prompts + temperatures


def binary_tensor(name: str, datatype: str, num_rows: int, data: bytes) -> Members:
    parameters = {"binary_data_size": len(data)}
    return {"name": name, "datatype": datatype, "shape": [num_rows], "parameters": parameters}


# The bodies that schemathesis makes for this media type, of which no schema tells anything.
schemathesis.openapi.media_type("application/octet-stream", binary_bodies())
