"""Values that no sampling option takes, for either wire, and the words of the refusal."""

import math
from typing import Any, Final, NamedTuple

INTEGERS: Final = {
    "max_tokens": ("an integer from 1 to 2147483647", 0, 2**31),
    "min_tokens": ("an integer from 0 to 2147483647", -1, 2**31),
    "top_k": ("an integer from 0 (off) to 2147483647", -1, 2**31),
    "seed": ("an integer from 0 to 9223372036854775807", -1, 2**63),
    "logprobs": ("an integer from 0 to 20", -1, 21),
    "max_thinking_tokens": ("an integer from 0 to 2147483647", -1, 2**31),
}
FLOATS: Final = {
    "temperature": ("0 or a number from 0.01 to 2", -0.5, 2.25),
    "top_p": ("a number above 0 and at most 1", 0.0, 1.25),
    "min_p": ("a number from 0 to 1", -0.25, 1.5),
    "repetition_penalty": ("a number from 0.01 to 10", 0.0, 10.5),
    "presence_penalty": ("a number from -2 to 2", -2.5, 2.5),
    "frequency_penalty": ("a number from -2 to 2", -2.5, 2.5),
}
BOOLS: Final = dict.fromkeys(("raw", "enable_thinking", "ignore_eos"), "true or false")
LISTS: Final = {
    "stop": "a list of at most 16 strings of 1 to 256 characters",
    "stop_token_ids": "a list of at most 64 token ids from 0",
}


class BadOption(NamedTuple):
    name: str
    value: Any
    words: str

    @property
    def tensor(self) -> tuple[str, Any] | None:
        """The datatype and element that say the same; None where the datatype itself is wrong."""
        if type(self.value) is int and self.name in INTEGERS:
            return ("INT64" if self.value < 2**63 else "UINT64"), self.value
        if type(self.value) is float and self.name in FLOATS:
            return "FP64", self.value
        if isinstance(self.value, str) and self.name in LISTS:
            return "BYTES", self.value
        return None


def _cases(name: str, allowed: str, values: dict[str, tuple[Any, str]]) -> dict[str, BadOption]:
    return {
        f"{name}: {what}": BadOption(name, value, f"{name} is {spelled}, must be {allowed}")
        for what, (value, spelled) in values.items()
    }


def _of_integers(name: str, allowed: str, below: int, above: int) -> dict[str, BadOption]:
    values: dict[str, tuple[Any, str]] = {
        "below": (below, str(below)),
        "above": (above, str(above)),
        "a float": (1.0, "1.0"),
        "a string": ("1", "'1'"),
        "a boolean": (True, "true"),
    }
    return _cases(name, allowed, values)


def _of_floats(name: str, allowed: str, below: float, above: float) -> dict[str, BadOption]:
    values: dict[str, tuple[Any, str]] = {
        "below": (below, str(below)),
        "above": (above, str(above)),
        "an integer above": (11, "11"),
        "a string": ("0.5", "'0.5'"),
        "a boolean": (True, "true"),
    }
    return _cases(name, allowed, values)


def _of_bools(name: str, allowed: str) -> dict[str, BadOption]:
    values = {"1": (1, "1"), "0.0": (0.0, "0.0"), "a string": ("true", "'true'")}
    return _cases(name, allowed, values)


def _of_lists(name: str, allowed: str) -> dict[str, BadOption]:
    values = {"a number": (7, "7"), "a float": (7.5, "7.5"), "a boolean": (True, "true")}
    texts = {"a word": ("END", "'END'"), "empty": ("", "''"), "an object": ("{}", "'{}'")}
    return _cases(name, allowed, values) | _cases(name, f"{allowed}, or that as JSON", texts)


def _element(name: str, text: str, spelled: str) -> BadOption:
    """A list as its JSON text, which both wires can say."""
    return BadOption(name, text, f"{name}[{spelled}")


SEVENTEEN = "[" + ",".join(['"a"'] * 17) + "]"
ELEMENTS: Final = {
    "stop: a number in it": _element("stop", "[1]", "0] is 1, stop must be a list of at most 16"),
    "stop: an empty string": _element("stop", '["a", ""]', "1] is '', stop must be a list of"),
    "stop: null in it": _element("stop", "[null]", "0] is null, stop must be a list of at most"),
    "stop: a list in it": _element("stop", '[["a"]]', "0] is ['a'], stop must be a list of at"),
    "stop: 257 letters": _element("stop", f'["{"x" * 257}"]', "0] is 'xxxxxxxxxxxxxxxxxxxxxxx"),
    "stop: 17 strings": BadOption("stop", SEVENTEEN, "stop is ['a', 'a', 'a', 'a', 'a', 'a', ...]"),
    "stop: no JSON": BadOption("stop", "[", "stop is not JSON: "),
    "stop: NaN in it": BadOption("stop", "[NaN]", "stop is not JSON: "),
    "stop: a surrogate in it": BadOption("stop", r'["\ud800"]', "stop is not JSON: "),
    "stop: 65 levels": BadOption("stop", "[" * 65 + "]" * 65, "stop is nested deeper than 64 lev"),
    "stop_token_ids: negative": _element("stop_token_ids", "[1, -2]", "1] is -2, stop_token_ids"),
    "stop_token_ids: a float in it": _element("stop_token_ids", "[1.0]", "0] is 1.0, stop_tok"),
    "stop_token_ids: true in it": _element("stop_token_ids", "[true]", "0] is true, stop_token"),
    "stop_token_ids: a string in it": _element("stop_token_ids", '["1"]', "0] is '1', stop_tok"),
    "stop_token_ids: beyond INT32": _element("stop_token_ids", "[2147483648]", "0] is 2147483648"),
    "stop_token_ids: 65 ids": BadOption(
        "stop_token_ids", str([1] * 65), "stop_token_ids is [1, 1, 1, 1, 1, 1, ...], must be a list"
    ),
    "stop_token_ids: beyond the vocabulary": BadOption(
        "stop_token_ids", "[99999]", "stop_token_ids holds 99999, must hold ids in 0.."
    ),
}
GAPS: Final = {
    "temperature: below 0.01": BadOption(
        "temperature", 0.005, "temperature is 0.005, must be 0 or a number from 0.01 to 2"
    ),
    "temperature: a denormal": BadOption(
        "temperature", 1e-45, "temperature is 1e-45, must be 0 or"
    ),
    "max_tokens: beyond the context": BadOption(
        "max_tokens", 4096, "max_tokens is 4096, must be at most 4"
    ),
}
BAD_OPTIONS: Final = {
    **{
        key: case
        for name, row in INTEGERS.items()
        for key, case in _of_integers(name, *row).items()
    },
    **{key: case for name, row in FLOATS.items() for key, case in _of_floats(name, *row).items()},
    **{key: case for name, row in BOOLS.items() for key, case in _of_bools(name, row).items()},
    **{key: case for name, row in LISTS.items() for key, case in _of_lists(name, row).items()},
    **ELEMENTS,
    **GAPS,
}
# What JSON cannot say.
NOT_FINITE: Final = {
    f"{name}: {value}": BadOption(name, value, f"{name} is {value}, must be {allowed}")
    for name, (allowed, _, _) in FLOATS.items()
    for value in (math.nan, math.inf, -math.inf)
}
