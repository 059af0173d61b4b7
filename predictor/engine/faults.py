"""Faults on purpose, for tests and demonstrations alone: what may be asked for."""

from dataclasses import dataclass, fields
from typing import Final

import orjson

from predictor.errors import SettingRefused

_MOST: Final = {
    "step_delay_s": 3600,
    "error_rate": 1,
    "stall_after_tokens": 2**31 - 1,
    "stall_s": 3600,
    "weight_noise": 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong in the engine process; 0, the default, is off.

    step_delay_s        sleep before every step
    error_rate          share of sequences, by a hash of their id, whose first token fails as if
                        the model's logits were not finite
    stall_after_tokens  tokens that a sequence gets before the engine sleeps ``stall_s``, once
    stall_s             that sleep, which holds up every sequence
    weight_noise        standard deviation of a seeded normal error of every weight, relative to it
    """

    step_delay_s: float = 0.0
    error_rate: float = 0.0
    stall_after_tokens: int = 0
    stall_s: float = 0.0
    weight_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise SettingRefused(f"fault {name} is {value}, must be from 0 to {most}")
        if self.stall_after_tokens and not self.stall_s:
            raise SettingRefused(
                f"fault stall_s is {self.stall_s}, must be above 0 with stall_after_tokens"
            )

    def describe(self) -> str:
        """Return the faults that are on, as ``name=value``; empty if none is."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name}={value}" for name, value in values.items() if value)


def parse_faults(text: str) -> Faults:
    """Read a JSON object of faults; raises SettingRefused that names the one it cannot follow."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SettingRefused(f"the faults are not JSON: {error}") from None
    if not isinstance(values, dict):
        raise SettingRefused(f"the faults are a JSON {type(values).__name__}, must be an object")
    for name, value in values.items():
        _check_type(name, value)
    return Faults(**values)


def _check_type(name: str, value: object) -> None:
    if name not in _MOST:
        raise SettingRefused(f"fault {name!r} is not known, must be one of {', '.join(_MOST)}")
    is_count = name == "stall_after_tokens"
    # A boolean is an int to Python.
    if type(value) not in ((int,) if is_count else (int, float)):
        kind = "an integer" if is_count else "a number"
        raise SettingRefused(f"fault {name} is {value!r}, must be {kind} from 0 to {_MOST[name]}")
