"""What looks bad and is not: stock kserve or a hasty limit would refuse it or get it wrong."""

import json

from tests.predictor.server.corpus.rest import (
    MODEL,
    Case,
    chunked,
    get,
    http,
    infer,
    only,
    post,
    tensor,
)
from tests.predictor.server.corpus.rest_cases_binary import binary, prefixed, send, spell

QUESTION = "3*4="
SHORT = {"temperature": 0, "enable_thinking": False}
TEXT = tensor("text_input", [QUESTION])
ANSWER = '"data":["12"]'
BODY = json.dumps({"inputs": [TEXT], "parameters": SHORT}).encode()


def asking(**members: object) -> bytes:
    return only(TEXT, **{"parameters": SHORT, **members})


def optioned(**values: object) -> bytes:
    return asking(parameters={**SHORT, **values})


def fine(request: bytes, words: str = ANSWER) -> Case:
    return Case(request, 200, words)


BINARY = spell(binary("text_input", "BYTES", prefixed(QUESTION.encode())), parameters=SHORT)
SPELLINGS = {
    "no content type": fine(infer(BODY)),
    "JSON": fine(infer(BODY, Content_Type="application/json")),
    "JSON in capitals": fine(infer(BODY, Content_Type="APPLICATION/JSON")),
    "JSON with its charset": fine(infer(BODY, Content_Type="application/json; charset=utf-8")),
    "JSON with its charset quoted": fine(
        infer(BODY, Content_Type='application/json;charset="UTF-8"')
    ),
    "JSON as bytes": fine(infer(BODY, Content_Type="application/octet-stream")),
    "no coding": fine(infer(BODY, Content_Encoding="identity")),
    "chunks of a byte": fine(chunked(f"{MODEL}/infer", *[bytes([byte]) for byte in BODY])),
    "blanks around it": fine(infer(b"\r\n\t " + BODY + b"\n ")),
    "3 MB of blanks": fine(infer(BODY + b" " * 3 * 2**20)),
    "every letter escaped": fine(
        infer(BODY.replace(b"3*4=", b"".join(b"\\u%04x" % ord(letter) for letter in QUESTION)))
    ),
    "expecting 100": fine(infer(BODY, Expect="100-continue")),
    "an upgrade": fine(infer(BODY, Connection="Upgrade", Upgrade="h2c")),
    "100 headers": fine(
        http("GET", "/v2/health/live", **{f"X-{number}": "a" for number in range(99)}), "true"
    ),
    "an origin": fine(infer(BODY, Origin="http://evil.example")),
    "a version": fine(post(f"{MODEL}/versions/1/infer", BODY)),
    "a version, encoded": fine(get(f"{MODEL}/versions/%31/ready"), '"ready":true'),
    "a query": fine(get("/v2/health/ready?verbose=1"), '"ready":true'),
    "an absolute target": fine(get("http://a/v2/models"), '{"models":["r1"]}'),
    "metrics for whom a version is quoted": fine(
        get("/metrics", Accept='application/openmetrics-text; version="1.0.0"'), "# EOF"
    ),
    "metrics for whom a version is no number": fine(
        get("/metrics", Accept="application/openmetrics-text; version=abc"), "python_info"
    ),
    "binary": fine(send(*BINARY)),
    "binary as JSON": fine(send(*BINARY, Content_Type="application/json")),
    "a JSON length without bytes": fine(send(BODY, len(BODY))),
    "an index of an empty body": fine(post("/v2/repository/index", b""), '"state":"READY"'),
    "an index of an empty object": fine(post("/v2/repository/index", {}), '"state":"READY"'),
}
VALUES = {
    "an id of 256 letters": fine(asking(id="x" * 256), f'"id":"{"x" * 256}"'),
    "an id of 256 emoji": fine(asking(id="😀" * 256), f'"id":"{"😀" * 256}"'),
    "an id that looks like a header": fine(asking(id="a\r\nb: c"), r'"id":"a\r\nb: c"'),
    "an empty id": fine(asking(id=""), '"id":""'),
    "an id with a NUL": fine(asking(id="a\0b"), r'"id":"a\u0000b"'),
    "the model's name": fine(asking(model_name="r1")),
    "no outputs asked for": fine(asking(outputs=[])),
    "empty parameters": fine(
        only({**TEXT, "parameters": {}}, parameters=SHORT, outputs=[{"name": "text_output"}])
    ),
    "a column": fine(only({**TEXT, "shape": [1, 1], "data": [[QUESTION]]}, parameters=SHORT)),
    "a column, flat": fine(only({**TEXT, "shape": [1, 1]}, parameters=SHORT)),
    "a NUL in the prompt": fine(
        only(tensor("text_input", ["3*4=\0"]), parameters={"max_tokens": 1}), '"length"'
    ),
    "control tokens in the prompt": fine(
        only(tensor("text_input", ["<｜User｜></think>"]), parameters={"max_tokens": 1}), '"length"'
    ),
    "an integer for a float": fine(optioned(top_p=1)),
    "all that is left of the context": fine(
        only(TEXT, parameters={**SHORT, "max_tokens": 4096 - 11}), '"data":[11]'
    ),
    "a prompt but a token short of the context": fine(
        only(tensor("text_input", ["1" * 4095]), parameters={"raw": True}), '"data":["length"]'
    ),
    "minus zero": fine(optioned(temperature=-0.0)),
    "the lowest temperature": fine(optioned(temperature=0.01)),
    "the largest seed": fine(optioned(seed=2**63 - 1)),
    "the largest top_k": fine(optioned(top_k=2**31 - 1)),
    "no stop strings": fine(optioned(stop=[])),
    "16 stop strings": fine(optioned(stop=["x" * 256] * 16)),
    "stop strings as JSON": fine(optioned(stop='["2"]'), '"data":["1"]'),
    "stop strings in a list": fine(optioned(stop=["2"]), '"data":["1"]'),
    "64 stop ids": fine(optioned(stop_token_ids=[639] * 64)),
    "an integer for FP32": fine(
        only(TEXT, tensor("temperature", [0], "FP32"), parameters={"enable_thinking": False})
    ),
    "a seed of UINT8": fine(only(TEXT, tensor("seed", [255], "UINT8"), parameters=SHORT)),
    "generate without details": fine(
        post(f"{MODEL}/generate", {"text_input": QUESTION, "parameters": SHORT}),
        '"text_output":"12"',
    ),
}
GROUPS = {"accepted: spellings": SPELLINGS, "accepted: values": VALUES}
