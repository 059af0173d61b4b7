"""The document against the code: the routes of the app, the options, the tensors."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from schemathesis.specs.openapi import definitions

from predictor.config import DEMO_MODEL_DIR, EngineConfig, Limits, ServerConfig
from predictor.engine.client import EngineClient
from predictor.errors import InvalidRequest
from predictor.metrics import Metrics
from predictor.model import SERVER_NAME, LanguageModel
from predictor.protocol.openapi.document import openapi_document
from predictor.protocol.parameters import OPTION_NAMES, parse_options
from predictor.protocol.v2 import INPUT_TENSORS, OUTPUT_TENSORS
from predictor.server.routes import install

LIMITS = Limits()
DOCUMENT: dict[str, Any] = openapi_document("r1", "1", "2.3.4", LIMITS)


def schema(name: str) -> jsonschema_rs.Draft202012Validator:
    components = {"components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", **components}
    )


def is_taken(decode: Callable[..., object], *arguments: object) -> bool:
    try:
        decode(*arguments)
    except InvalidRequest:
        return False
    return True


def walk(value: object) -> Iterator[dict[str, object]]:
    """Yield every object within a JSON value."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from walk(member)
    elif isinstance(value, list):
        for element in value:
            yield from walk(element)


def test_the_document_is_openapi_3_1() -> None:
    assert list(definitions.OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)) == []
    assert DOCUMENT["info"]["title"] == SERVER_NAME
    assert DOCUMENT["info"]["version"] == "2.3.4"
    json.dumps(DOCUMENT, allow_nan=False)


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_each_schema_is_json_schema(name: str) -> None:
    jsonschema_rs.meta.validate(
        {**schema_of(name), "$schema": "https://json-schema.org/draft/2020-12/schema"}
    )


def schema_of(name: str) -> dict[str, Any]:
    schemas: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
    return schemas[name]


def test_every_component_is_referred_to_and_every_reference_has_one() -> None:
    referred = {node["$ref"] for node in walk(DOCUMENT) if "$ref" in node}
    defined = {
        f"#/components/{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        for name in components
    }

    assert referred == defined


@pytest.fixture
def app() -> Iterator[FastAPI]:
    client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR))
    metrics = Metrics(CollectorRegistry())
    model = LanguageModel(ServerConfig(model_dir=DEMO_MODEL_DIR), client, metrics, max_num_seqs=64)
    app = FastAPI()
    install(app, model, metrics, LIMITS)
    yield app
    client.close()
    asyncio.run(client.run())


def test_the_app_and_the_document_have_the_same_routes(app: FastAPI) -> None:
    served = {path: set(methods) for path, methods in app.openapi()["paths"].items()}

    assert served == {path: set(methods) for path, methods in DOCUMENT["paths"].items()}


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_paths_parameters_are_those_of_its_template_with_what_is_served(path: str) -> None:
    served = {"name": ["r1"], "model": ["r1"], "version": ["1"]}
    for operation in DOCUMENT["paths"][path].values():
        described = {
            parameter["name"]: parameter["schema"]["enum"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "path"
        }
        assert described == {name: served[name] for name in re.findall(r"{(\w+)}", path)}


# Around each bound of some option, and of every type.
VALUES = [
    *(None, True, False, -(2**63) - 1, -3, -2, -1, 0, 1, 2, 3, 10, 11, 20, 21),
    *(2**31 - 1, 2**31, 2**63 - 1, 2**63),
    *(-2.5, -0.5, 0.005, 0.0099, 0.01, 0.5, 0.99, 1.01, 1.99, 2.01, 9.99, 10.01),
    *("", "x", "7", "true", "null", "{}", "[]", ' \n["a"]', "[1]", {}, {"a": 1}),
    *([], [None], [True], [""], ["a"], ["a" * 256], ["a" * 257], ["a"] * 16, ["a"] * 17),
    *([0] * 64, [0] * 65, [-1], [2**31 - 1], [2**31], [0.5], [["a"]], [0, "a"]),
]
# Of its text a schema tells no more than that it begins a list.
LISTS_AS_TEXT = {"stop": ["[1]"], "stop_token_ids": [' \n["a"]']}


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_an_option_has_the_values_that_the_server_takes(name: str) -> None:
    values = [value for value in VALUES if value not in LISTS_AS_TEXT.get(name, [])]
    taken = [value for value in values if is_taken(parse_options, {name: value})]
    validator = schema("GenerateParameters")

    assert [value for value in values if validator.is_valid({name: value})] == taken
    assert 0 < len(taken) < len(values)


@pytest.mark.parametrize("spec", INPUT_TENSORS, ids=lambda spec: spec.name)
def test_an_input_has_the_datatypes_that_the_server_takes(spec: Any) -> None:
    validator = schema(f"InputTensor_{spec.name}")
    element = {"BYTES": "[1]", "BOOL": True}.get(spec.datatype, 1)
    for datatype in ("BOOL", "INT8", "UINT64", "FP16", "FP32", "FP64", "BYTES", None):
        tensor = {"name": spec.name, "datatype": datatype, "shape": [1], "data": [element]}
        assert validator.is_valid(tensor) is (datatype in spec.accepted), datatype


def test_metadata_describes_every_tensor() -> None:
    answers = DOCUMENT["paths"]["/v2/models/{name}"]["get"]["responses"]["200"]["content"]
    properties = answers["application/json"]["schema"]["properties"]

    assert properties["inputs"]["const"] == [spec.describe() for spec in INPUT_TENSORS]
    assert properties["outputs"]["const"] == [spec.describe() for spec in OUTPUT_TENSORS]
