"""What was decided and may not have been told yet: kept with the state, told again after a kill."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from canary.errors import InputError
from canary.record.entry import EVERY_LOOK, Told
from canary.rollout.actions import Note

MAX_KEPT: Final = 20
# Of the 1 MiB that a ConfigMap holds.
MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outbox:
    """The last decisions of one rollout, numbered from 1; the newest last.

    Those beyond ``num_told`` may have been told or not: whoever goes on tells them again, by their
    numbers, by which a repetition is known.
    """

    kept: tuple[Told, ...] = ()
    num_told: int = 0

    @property
    def untold(self) -> tuple[Told, ...]:
        return tuple(told for told in self.kept if _number(told) > self.num_told)

    @property
    def last(self) -> int:
        """Return the number of the last decision; 0 before the first."""
        return max((self.num_told, *map(_number, self.kept)))

    def all_told(self) -> Self:
        """Return it after everything was told; what every look says is forgotten then."""
        kept = (told for told in self.kept if told.note.reason not in EVERY_LOOK)
        return replace(self, kept=_newest(kept), num_told=self.last)

    def add(self, notes: Iterable[Note], now: float) -> tuple[Self, tuple[Told, ...]]:
        """Return it with new decisions, and these with their numbers."""
        new = tuple(Told(now, note, number) for number, note in enumerate(notes, self.last + 1))
        return replace(self, kept=(*self.kept, *new)), new


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    kept: tuple[Told, ...]
    num_told: int


def dump(outbox: Outbox) -> str:
    """Return the JSON that ``load`` reads; of what would be too long the oldest is left out."""
    kept = outbox.kept
    while True:
        text = _Kept(kept=kept, num_told=outbox.num_told).model_dump_json()
        if len(text.encode()) <= MAX_BYTES or not kept:
            return text
        kept = kept[1:]


def load(text: str) -> Outbox:
    """Return what was dumped, an empty one for ""; raises InputError."""
    if not text:
        return Outbox()
    try:
        found = _Kept.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"the stored outbox is malformed at {where or 'its beginning'}: {first['msg']}; "
            "delete that key of the ConfigMap"
        ) from None
    return Outbox(found.kept, found.num_told)


def _newest(told: Iterable[Told]) -> tuple[Told, ...]:
    return tuple(told)[-MAX_KEPT:]


def _number(told: Told) -> int:
    return told.number or 0
