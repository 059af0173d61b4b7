"""JSON from outside: what is no JSON, keys given twice, and how much is read at most."""

import json
import re
import time
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from predictor.errors import InvalidRequest
from predictor.protocol.json_text import MAX_JSON_VALUES, parse_json

SECRET = "SECRET-PROMPT"


def refusal_of(text, **keywords):
    with pytest.raises(InvalidRequest) as refusal:
        parse_json(text, "the body", **keywords)
    return str(refusal.value)


NO_JSON = {
    "empty": (b"", "Input is a zero-length, empty document", 0),
    "unfinished": (b'{"a":', "unexpected end of data", 5),
    "1e999": (b'{"a":1e999}', "number is infinity when parsed as double", 5),
    "huge integer": (b'{"a":' + b"9" * 5000 + b"}", "number is infinity when parsed as double", 5),
    "lone surrogate": (b'"\\ud800"', "no low surrogate in string", 1),
    "invalid UTF-8": (b'"\xff"', "str is not valid UTF-8: surrogates not allowed", 0),
    "text with a surrogate": ('"\ud800"', "str is not valid UTF-8: surrogates not allowed", 0),
    "byte order mark": (b"\xef\xbb\xbf1", "UTF-8 byte order mark (BOM) is not", 0),
    "NUL": (b"1\x00", "unexpected content after document", 1),
}


@pytest.mark.parametrize(("text", "why", "at"), NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_refused_with_its_reason_and_place(text, why, at):
    message = refusal_of(text)
    assert message.startswith(f"the body is not JSON: {why}")
    assert message.endswith(f" at character {at}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"18446744073709551615", 2**64 - 1), (b"-9223372036854775808", -(2**63)), (b"1" * 30, 1e29)],
    ids=["largest", "least", "larger"],
)
def test_an_integer_beyond_64_bits_is_a_float(text, expected):
    value = parse_json(text, "the body")
    assert type(value) is type(expected)
    assert value == pytest.approx(expected, rel=0.2)


REPEATED = {
    "first level": (b'{"a":1,"a":1}', "'a'"),
    "second level": (b'{"a":[{"b":1,"c":2,"b":3}]}', "'b'"),
    "three times": (b'{"a":1,"a":2,"a":3}', "'a'"),
    "escaped": (b'{"a":1,"\\u0061":2}', "'a'"),
    "beside the same key elsewhere": (b'{"a":{"a":{"a":1}},"b":{"a":1,"b":1,"b":1}}', "'b'"),
    "within a value that is dropped": (b'{"a":{"c":1},"a":1}', "'a'"),
    "after strings of colons": (b'{"a":"::\\\\\\":","b":"{\\\\","a":":"}', "'a'"),
    "empty": (b'{"":1,"":2}', "''"),
    "blanks": (b'{ "a" : 1 ,\n"a"\t:\r2 }', "'a'"),
    "text": ('{"é":1,"é":2}', "'é'"),
    "beside a huge integer": (b'{"a":' + b"9" * 200 + b',"a":1}', "'a'"),
    "long": (b'{"%s":1,"%s":1}' % (b"a" * 9999, b"a" * 9999), "aaa...aaa"),
}


@pytest.mark.parametrize(("text", "name"), REPEATED.values(), ids=REPEATED.keys())
def test_a_key_that_an_object_has_twice_is_refused_by_its_name(text, name):
    message = refusal_of(text)
    assert message.startswith("the body has the key ")
    assert message.endswith(" twice in one object, must have it once")
    assert name in message
    assert len(message) < 200


def test_the_value_of_a_repeated_key_is_not_spelled():
    assert SECRET not in refusal_of(b'{"content":"SECRET-PROMPT","content":"SECRET-PROMPT"}')


NOT_REPEATED = {
    "in two objects": b'[{"a":1},{"a":1}]',
    "key and value": b'{"a":"a","b":"a"}',
    "members in a string": b'{"a":"\\"b\\":1,\\"b\\":2"}',
    "a string that ends with a backslash": b'{"a":"\\\\","b":"\\\\\\\\","c":":"}',
    "colons": b'{":":":::","::":["a:b",":"]}',
}


@pytest.mark.parametrize("text", NOT_REPEATED.values(), ids=NOT_REPEATED.keys())
def test_a_key_that_no_object_has_twice_is_taken(text):
    assert parse_json(text, "the body") == json.loads(text)


def numbers(count):
    return b"[" + b",".join([b"1"] * (count - 1)) + b"]"


def empty_lists(count):
    return b"[" + b",".join([b"[ ]"] * (count - 1)) + b"]"


def empty_objects(count):
    return b"[" + b",".join([b"{}"] * (count - 1)) + b"]"


def nested_strings(count):
    return b'["",' + b",".join([b'[""]'] * (count // 2 - 1)) + b',""' * (count % 2) + b"]"


def members(count):
    return b"{" + b",".join(b'"%d":","' % name for name in range(count - 1)) + b"}"


COUNTED = [numbers, empty_lists, empty_objects, nested_strings, members]


@pytest.mark.parametrize("make", COUNTED)
def test_as_many_values_as_the_bound_says_are_taken(make):
    assert parse_json(make(MAX_JSON_VALUES), "the body")


@pytest.mark.parametrize("make", COUNTED)
def test_one_value_more_is_refused(make):
    expected = "the body holds over 100000 JSON values, must hold at most 100000"
    assert refusal_of(make(MAX_JSON_VALUES + 1)) == expected


@pytest.mark.parametrize("character", ["[", "{", ",", '\\"', "\\\\", ":", "\\u0000", "[],"])
def test_nothing_within_a_string_counts_as_a_value(character):
    text = f'["{character * (MAX_JSON_VALUES + 1)}"]'
    assert parse_json(text, "the body") == orjson.loads(text)


@pytest.mark.parametrize("depth", [1, 64, 500])
def test_as_many_levels_as_are_allowed_are_taken(depth):
    assert parse_json(b"[" * depth + b"]" * depth, "the body", max_depth=depth) is not None


@pytest.mark.parametrize("depth", [1, 64, 500])
def test_one_level_more_is_refused(depth):
    text = b'{"a":' * (depth + 1) + b"1" + b"}" * (depth + 1)
    expected = f"the body is nested deeper than {depth} levels"
    assert refusal_of(text, max_depth=depth) == expected


def test_a_repeated_key_is_found_at_the_deepest_level():
    text = b'{"a":' * 500 + b'{"b":1,"b":1}' + b"}" * 500
    assert "'b'" in refusal_of(text, max_depth=501)


SIZE = 4 * 2**20
HOSTILE = {
    "brackets": lambda: b"[" * SIZE,
    "pairs of brackets": lambda: b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "empty lists": lambda: b"[" + b"[]," * (SIZE // 3) + b"1]",
    "commas": lambda: b"," * SIZE,
    "colons": lambda: b":" * SIZE,
    "blanks": lambda: b" " * SIZE + b"1",
    "quotes": lambda: b'"' * SIZE,
    "pieces between quotes": lambda: b'"' + b'abcdefghi"' * (4 * MAX_JSON_VALUES - 2),
    "backslashes": lambda: b'"' + b"\\" * (SIZE - 2) + b'"',
    "one backslash too many": lambda: b'"' + b"\\" * (SIZE - 1) + b'"',
    "escaped quotes": lambda: b'"' + b'\\"' * (SIZE // 2) + b'"',
    "unterminated string": lambda: b'"' + b'\\"' * (SIZE // 2),
    "escapes": lambda: b'"' + b"\\u0000" * (SIZE // 6) + b'"',
    "deep blocks": lambda: b"[" + (b"[" * 60 + b"]" * 60 + b",") * 1600 + b"1]",
    "small objects": lambda: b"[" + b'{"a":1},' * (SIZE // 8) + b"1]",
    "one integer": lambda: b"1" * SIZE,
    "one fraction": lambda: b"0." + b"1" * SIZE,
    "many numbers": lambda: b"[" + b"1," * (SIZE // 2) + b"1]",
    "long numbers": lambda: b"[" + (b"0." + b"7" * 38 + b",") * 99_990 + b"1]",
    "invalid UTF-8": lambda: b'"' + b"\xff" * SIZE + b'"',
    "many keys": lambda: b"{" + b",".join(b'"%030d":1' % name for name in range(99_000)) + b"}",
    "one of many keys twice": lambda: (
        b"{" + b",".join(b'"%030d":1' % (name % 98_999) for name in range(99_000)) + b"}"
    ),
    "one key many times": lambda: b"{" + b'"abcdefgh":"x",' * 99_000 + b'"z":1}',
    "escapes beside a repeated key": lambda: b'{"a":1,"a":"' + b"\\u0000" * (SIZE // 6) + b'"}',
    "integer beside a repeated key": lambda: b'{"a":1,"a":0.' + b"1" * SIZE + b"}",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_4_mib_of_anything_are_read_in_no_time(make):
    text = make()
    start = time.process_time()
    with suppress(InvalidRequest):
        parse_json(text, "the body")
    # A tenth of a second on a quiet machine.
    assert time.process_time() - start < 1


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_4_mib_of_anything_take_little_memory(make):
    text = make()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_resident_kib()
    with suppress(InvalidRequest):
        parse_json(text, "the body")
    assert peak_resident_kib() - before < 50 * 2**10


def peak_resident_kib():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


# Texts that are made of what JSON is made of, so that many of them are JSON.
TOKENS = st.sampled_from(
    [*'[]{},:"\\', '\\"', "\\\\", '"a":', '"a":1,', '"b":', '""', "1", "[],", " ", "\\u0061", "é"]
)
NESTED = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(alphabet='"\\:,[]{} aé\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='"\\:a', max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(NESTED, st.booleans())
def test_any_value_is_read_as_it_was_written(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert parse_json(text, "the body") == value
    assert parse_json(text.encode(), "the body") == value


class Repeated(Exception):
    pass


def refuse_repeated(pairs):
    if len(dict(pairs)) < len(pairs):
        raise Repeated
    return dict(pairs)


@settings(max_examples=500)
@given(st.lists(TOKENS, max_size=12).map("".join))
@example('{"a":1,"a":1}')
@example('{"a":"\\\\","a":"\\\\"}')
def test_a_key_is_found_twice_exactly_where_a_slow_reader_finds_it(text):
    try:
        orjson.loads(text)
        json.loads(text, object_pairs_hook=refuse_repeated)
        expected = ""
    except Repeated:
        expected = "the body has the key "
    except orjson.JSONDecodeError:
        expected = "the body is not JSON: "
    try:
        parse_json(text, "the body")
        found = ""
    except InvalidRequest as refusal:
        found = str(refusal)
    assert found.startswith(expected)
    assert bool(found) == bool(expected)
