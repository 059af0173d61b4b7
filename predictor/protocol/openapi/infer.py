"""Bodies of infer: the protocol's tensors, each by its name."""

from typing import Final

from predictor.config import Limits
from predictor.protocol.openapi.json_schema import (
    BOOLEAN,
    COUNT,
    NON_EMPTY,
    NUMBER,
    STRING,
    Schema,
    array,
    closed,
    full,
    json_list_text,
    ref,
)
from predictor.protocol.openapi.options import TEXT_OPTIONS, option_schemas, parameters
from predictor.protocol.prompts import ROLES
from predictor.protocol.tensors import INTEGERS
from predictor.protocol.v2 import (
    INPUT_TENSORS,
    OPTION_TENSORS,
    OUTPUT_TENSORS,
    PROMPT_TENSORS,
    TensorSpec,
)

_ELEMENTS: Final[dict[str, Schema]] = {
    "text_input": NON_EMPTY,
    "messages": json_list_text(ref("Messages")),
    **TEXT_OPTIONS,
}
_OUTPUT_ELEMENTS: Final[dict[str, Schema]] = {
    **{spec.name: COUNT if spec.datatype == "INT32" else STRING for spec in OUTPUT_TENSORS},
    "finish_reason": {"enum": ["stop", "length"]},
    "logprobs": json_list_text(array(ref("TokenLogprob"))),
}
_NO_PARAMETERS: Final[Schema] = {"type": "object", "maxProperties": 0}


def infer_schemas(model_name: str, model_version: str, limits: Limits) -> dict[str, Schema]:
    """Return the components that infer's request and response are made of."""
    token = {"token": STRING, "id": COUNT, "logprob": NUMBER}
    return {
        "Messages": array(
            full({"role": {"enum": list(ROLES)}, "content": NON_EMPTY}),
            minItems=1,
            description="The last message is the user's.",
        ),
        "TopLogprob": full(token),
        "TokenLogprob": full({**token, "top": array(ref("TopLogprob"))}),
        **{_input_name(spec): _input(spec, limits.max_rows) for spec in INPUT_TENSORS},
        "InferRequest": _request(model_name, limits),
        "InferResponse": _response(model_name, model_version, limits),
    }


def _request(model_name: str, limits: Limits) -> Schema:
    prompts: Schema = {"enum": [spec.name for spec in PROMPT_TENSORS]}
    outputs = array(
        closed(
            {
                "name": {"enum": [spec.name for spec in OUTPUT_TENSORS]},
                "parameters": closed({"binary_data": BOOLEAN}),
            },
            required=("name",),
        ),
        maxItems=len(OUTPUT_TENSORS),
        description="No output is requested twice; logprobs needs the option logprobs.",
    )
    members = {
        "id": {"type": "string", "maxLength": limits.max_id_length},
        "model_name": {"const": model_name},
        "parameters": parameters(binary_data_output=BOOLEAN),
        "inputs": array(
            {"anyOf": [ref(_input_name(spec)) for spec in INPUT_TENSORS]},
            allOf=[
                {"contains": _named(prompts), "maxContains": 1},
                *(_at_most_one(spec) for spec in OPTION_TENSORS),
            ],
            description="All inputs have the same number of rows.",
        ),
        "outputs": outputs,
    }
    return closed(
        members,
        required=("inputs",),
        description="An option is a parameter, for all rows, or an input, with a value for each "
        "row, but not both. raw goes with text_input alone.",
    )


def _input_name(spec: TensorSpec) -> str:
    return f"InputTensor_{spec.name}"


def _input(spec: TensorSpec, max_rows: int) -> Schema:
    element = _ELEMENTS[spec.name]
    column = array(element, minItems=1, maxItems=1)
    return closed(
        {
            "name": {"const": spec.name},
            "datatype": {"enum": list(spec.accepted)},
            "shape": {
                "type": "array",
                "prefixItems": [_num_rows(max_rows), {"const": 1}],
                "items": False,
                "minItems": 1,
                "description": "[n] or [n,1], where n is the length of data.",
            },
            "data": {"type": "array", "minItems": 1, "maxItems": max_rows},
            "parameters": _NO_PARAMETERS,
        },
        required=("name", "datatype", "shape", "data"),
        anyOf=[
            {"properties": {"data": {"items": element}}},
            {"properties": {"shape": {"minItems": 2}, "data": {"items": column}}},
        ],
        **_ranges(spec),
    )


def _ranges(spec: TensorSpec) -> Schema:
    """Return what keeps elements within datatypes that hold less than the option does.

    No option is negative, so the upper ends will do.
    """
    most = option_schemas()[f"Option_{spec.name}"]["maximum"] if spec.datatype in INTEGERS else 0
    assert isinstance(most, int)
    narrow = [datatype for datatype in INTEGERS if INTEGERS[datatype][-1] < most]
    if not narrow:
        return {}
    wide = [datatype for datatype in INTEGERS if datatype not in narrow]
    return {
        "allOf": [{"anyOf": [{"properties": {"datatype": {"enum": wide}}}, *map(_within, narrow)]}]
    }


def _within(datatype: str) -> Schema:
    """Return the bound of a datatype's elements, be they flat or in columns."""
    most = INTEGERS[datatype][-1]
    data = {"items": {"maximum": most, "items": {"maximum": most}}}
    return {"properties": {"datatype": {"const": datatype}, "data": data}}


def _named(name: Schema) -> Schema:
    return {"properties": {"name": name}}


def _at_most_one(spec: TensorSpec) -> Schema:
    return {"contains": _named({"const": spec.name}), "minContains": 0, "maxContains": 1}


def _response(model_name: str, model_version: str, limits: Limits) -> Schema:
    return closed(
        {
            "model_name": {"const": model_name},
            "model_version": {"const": model_version},
            "id": {"type": "string", "maxLength": limits.max_id_length},
            "outputs": array(
                {"oneOf": [_output(spec, limits.max_rows) for spec in OUTPUT_TENSORS]},
                minItems=1,
                maxItems=len(OUTPUT_TENSORS),
            ),
        },
        required=("model_name", "model_version", "outputs"),
        description="A row of each output for each row of the inputs, in their order.",
    )


def _output(spec: TensorSpec, max_rows: int) -> Schema:
    return full(
        {
            "name": {"const": spec.name},
            "datatype": {"const": spec.datatype},
            "shape": array(_num_rows(max_rows), minItems=1, maxItems=1),
            "data": array(_OUTPUT_ELEMENTS[spec.name], minItems=1, maxItems=max_rows),
        }
    )


def _num_rows(max_rows: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": max_rows}
