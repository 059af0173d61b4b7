"""The body as JSON: RFC 8259, in UTF-8, no key twice, no deeper and no larger than the limits."""

import gzip
import json

from tests.predictor.server.corpus.rest import (
    MODEL,
    PROMPT,
    TEXT,
    asking,
    bad,
    chunked,
    infer,
    only,
    tensor,
)

GOOD = json.dumps({"inputs": [TEXT]})
NOT_JSON = "the body is not JSON: "


def told(text: str | bytes) -> tuple[bytes, str]:
    return infer(text), NOT_JSON


def prompt_of(literal: str) -> str:
    """Return a body whose prompt is that literal."""
    return GOOD.replace(f'"{PROMPT}"', literal)


def with_parameter(literal: str) -> str:
    return f'{GOOD[:-1]}, "parameters": {literal}}}'


def nested(depth: int) -> str:
    """Return a body that deep, with lists in ``stop``."""
    inner = "[" * (depth - 2) + "]" * (depth - 2)
    return with_parameter(f'{{"stop": {inner}}}')


SYNTAX = bad(
    {
        "empty body": told(b""),
        "blanks alone": told(" \r\n\t "),
        "a word": told(PROMPT),
        "one brace": told("{"),
        "cut in a string": told(GOOD[:30]),
        "cut before the last brace": told(GOOD[:-1]),
        "trailing text": told(GOOD + " x"),
        "two documents": told(GOOD + GOOD),
        "two lines of JSON": told(f"{GOOD}\n{GOOD}"),
        "trailing NUL": told(GOOD + "\0"),
        "trailing comma in a list": told(GOOD.replace("]}]", "],}]")),
        "trailing comma in an object": told(GOOD[:-1] + ",}"),
        "comment of a line": told("// a\n" + GOOD),
        "comment of a block": told("{/* a */" + GOOD[1:]),
        "comment of a shell": told("# a\n" + GOOD),
        "single quotes": told(GOOD.replace('"', "'")),
        "key without quotes": told(GOOD.replace('"inputs"', "inputs")),
        "key that is a number": told('{1: "a"}'),
        "Python's True": told(with_parameter('{"raw": True}')),
        "undefined": told(with_parameter("undefined")),
        "no colon": told('{"inputs" []}'),
        "two commas": told('{"inputs": [], , "id": "a"}'),
        "a form": told("inputs=1&id=2"),
        "XML": told("<inputs/>"),
        "gzip": told(gzip.compress(GOOD.encode())),
        "a prefix against hijacking": told(")]}'\n" + GOOD),
        "sent in two chunks": (chunked(f"{MODEL}/infer", b"{", b'"a'), NOT_JSON),
    }
)
NUMBERS = bad(
    {
        "NaN": told(with_parameter('{"temperature": NaN}')),
        "Infinity": told(with_parameter('{"temperature": Infinity}')),
        "-Infinity": told(with_parameter('{"temperature": -Infinity}')),
        "1e999": told(with_parameter('{"temperature": 1e999}')),
        "-1e999": told(with_parameter('{"temperature": -1e999}')),
        "NaN as an element": told(GOOD.replace(f'"{PROMPT}"', "NaN")),
        "NaN as a shape": told(GOOD.replace("[1]", "[NaN]")),
        "an integer of 400 digits": told(with_parameter(f'{{"seed": {"9" * 400}}}')),
        "an integer of 5000 digits": told(with_parameter(f'{{"seed": {"9" * 5000}}}')),
        "leading zero": told(with_parameter('{"seed": 01}')),
        "leading plus": told(with_parameter('{"seed": +1}')),
        "hexadecimal": told(with_parameter('{"seed": 0x10}')),
        "no digit before the point": told(with_parameter('{"top_p": .5}')),
        "no digit after the point": told(with_parameter('{"top_p": 1.}')),
        "no exponent": told(with_parameter('{"top_p": 1e}')),
        "underscore": told(with_parameter('{"seed": 1_000}')),
        "minus alone": told(with_parameter('{"seed": -}')),
        "an integer beyond 64 bits": (
            infer(with_parameter(f'{{"seed": {2**64}}}')),
            "seed is 1.8446744073709552e+19, must be an integer from 0 to 9223372036854775807",
        ),
        "an integer of 30 digits": (
            infer(with_parameter(f'{{"top_k": {10**29}}}')),
            "top_k is 1e+29, must be an integer from 0 (off) to 2147483647",
        ),
        "1e308 is a double": (
            infer(with_parameter('{"temperature": 1e308}')),
            "temperature is 1e+308, must be 0 or a number from 0.01 to 2",
        ),
        "a denormal": (
            infer(with_parameter('{"temperature": 5e-324}')),
            "temperature is 5e-324, must be 0 or a number from 0.01 to 2",
        ),
        "less than a denormal is 0, and -0 is": (
            infer(with_parameter('{"top_p": -1e-400}')),
            "top_p is -0.0, must be a number above 0 and at most 1",
        ),
    }
)
TEXTS = bad(
    {
        "lone high surrogate": told(prompt_of(r'"\ud800"')),
        "lone low surrogate": told(prompt_of(r'"\udc00"')),
        "surrogates the wrong way round": told(prompt_of(r'"\udc00\ud800"')),
        "high surrogate before a letter": told(prompt_of(r'"\ud83da"')),
        "surrogate in a key": told(with_parameter(r'{"\ud800": 1}')),
        "surrogate as bytes": told(
            prompt_of('"a"').encode().replace(b'["a"]', b'["\xed\xa0\x80"]')
        ),
        "no UTF-8": told(prompt_of('"a"').encode().replace(b'["a"]', b'["\xff"]')),
        "overlong slash": told(prompt_of('"a"').encode().replace(b'["a"]', b'["\xc0\xaf"]')),
        "beyond U+10FFFF": told(
            prompt_of('"a"').encode().replace(b'["a"]', b'["\xf4\x90\x80\x80"]')
        ),
        "half a character": told(prompt_of('"a"').encode().replace(b'["a"]', b'["\xe2\x82"]')),
        "Latin-1": told(prompt_of('"é"').encode("latin-1")),
        "UTF-8 with a BOM": told(b"\xef\xbb\xbf" + GOOD.encode()),
        "UTF-16": told(GOOD.encode("utf-16")),
        "UTF-16 without a BOM": told(GOOD.encode("utf-16-le")),
        "UTF-32": told(GOOD.encode("utf-32")),
        "line feed in a string": told(prompt_of('"a\nb"')),
        "NUL in a string": told(prompt_of('"a\0b"')),
        "unknown escape": told(prompt_of(r'"\x41"')),
        "short escape": told(prompt_of(r'"\u12"')),
        "backslash before the end": told(prompt_of('"\\"')),
        "blank that JSON does not know": told("\u00a0" + GOOD),
    }
)
ROOTS = bad(
    {
        "null": (infer(b"null"), "the body is null, must be an object"),
        "true": (infer(b"true"), "the body is a boolean, must be an object"),
        "a number": (infer(b"1"), "the body is a number, must be an object"),
        "a string": (infer(f'"{PROMPT}"'), "the body is a string, must be an object"),
        "a list": (infer([TEXT]), "the body is a list, must be an object"),
        "an empty list": (infer(b"[]"), "the body is a list, must be an object"),
        "a list of bodies": (infer([{"inputs": [TEXT]}]), "the body is a list, must be an object"),
        "an empty object": (infer(b"{}"), "the body has no inputs"),
    }
)
SIZES = bad(
    {
        "64 levels are looked at": (infer(nested(64)), "must be a list of at most 16 strings of 1"),
        "65 levels": (infer(nested(65)), "the body is nested deeper than 64 levels"),
        "65 levels of objects": (
            infer('{"a":' * 65 + "1" + "}" * 65),
            "the body is nested deeper than 64 levels",
        ),
        "1000 levels": (infer("[" * 1000 + "]" * 1000), "the body is nested deeper than 64 levels"),
        "100,000 levels": told("[" * 100_000 + "]" * 100_000),
        "50,000 levels without end": told("[" * 50_000),
        "100,001 values": (
            infer(prompt_of(",".join(["1"] * 100_001))),
            "the body holds over 100000 JSON values, must hold at most 100000",
        ),
        "quotes without end": (infer('"' * 500_000), "the body holds over 100000 JSON values"),
        "10,000 empty inputs": (
            infer({"inputs": [{}] * 10_000}),
            "inputs has 10000 entries, must have at most 64",
        ),
        "10,000 null parameters": (
            asking(parameters=dict.fromkeys(map(str, range(10_000)))),
            "parameters has 10000 entries, must have at most 64",
        ),
        "messages of 65 levels": (
            only(tensor("messages", ["[" * 65 + "]" * 65])),
            "row 0: messages is nested deeper than 64 levels",
        ),
    }
)


def twice(key: str) -> str:
    return f"the body has the key '{key}' twice in one object, must have it once"


KEYS = bad(
    {
        "inputs twice": (infer(f'{GOOD[:-1]}, "inputs": []}}'), twice("inputs")),
        "inputs twice, once escaped": (
            infer(f'{GOOD[:-1]}, "\\u0069nputs": []}}'),
            twice("inputs"),
        ),
        "name twice": (infer(GOOD.replace('"name"', '"name": "a", "name"')), twice("name")),
        "data twice": (infer(GOOD.replace('"data"', '"data": ["b"], "data"')), twice("data")),
        "a parameter twice": (infer(with_parameter('{"seed": 1, "seed": 2}')), twice("seed")),
        "parameters twice": (
            infer(f'{GOOD[:-1]}, "parameters": {{}}, "parameters": {{}}}}'),
            twice("parameters"),
        ),
        "a key of messages twice": (
            only(tensor("messages", ['[{"role": "user", "role": "user", "content": "a"}]'])),
            "row 0: messages has the key 'role' twice in one object, must have it once",
        ),
        "an empty key": (
            asking(**{"": 1}),
            "the body has unknown member '', known: inputs, id, model_name, parameters, outputs",
        ),
        "a key of a prototype": (asking(__proto__={}), "the body has unknown member '__proto__'"),
        "a key with another case": (asking(Parameters={}), "the body has unknown member 'Paramete"),
        "a key with a NUL": (asking(**{"id\0": "a"}), r"the body has unknown member 'id\x00', kno"),
        "a key of 1000 letters": (asking(**{"k" * 1000: 1}), "the body has unknown member 'kkkkk"),
    }
)
GROUPS = {
    "JSON: syntax": SYNTAX,
    "JSON: numbers": NUMBERS,
    "JSON: texts": TEXTS,
    "JSON: roots": ROOTS,
    "JSON: sizes": SIZES,
    "JSON: keys": KEYS,
}
