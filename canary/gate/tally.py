"""What the questions have shown so far, and what follows from it (pure)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from canary.gate.ask import Failure
from canary.gate.compare import Comparison
from canary.gate.prompts import Prompt
from canary.gate.scoring import score
from canary.judgement.verdict import Verdict
from canary.plan import Gate, Judgement

# Prompts that the stable revision itself mostly fails cannot show that the canary is worse.
MIN_STABLE_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """PROMOTE opens the gate, ROLL_BACK closes it; ``text`` is one line with its numbers.

    No prompt and no answer is in it.
    """

    verdict: Verdict
    text: str
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)


class Tally:
    """Counts answers to prompts, in the order in which they were asked."""

    def __init__(self, gate: Gate, judgement: Judgement) -> None:
        self._gate = gate
        self._pass_at = 1 / judgement.false_promotion
        self._fail_at = 1 / judgement.false_rollback
        self._comparison = Comparison(gate.margin)
        self._num_right: Counter[str] = Counter()
        self._failures: dict[str, Counter[str]] = {"canary": Counter(), "stable": Counter()}

    def add(self, prompt: Prompt, canary: str | Failure, stable: str | Failure) -> None:
        for arm, answer in (("canary", canary), ("stable", stable)):
            if isinstance(answer, Failure):
                self._failures[arm][answer.reason] += 1
        texts = [None if isinstance(answer, Failure) else answer for answer in (canary, stable)]
        pair = score(self._gate.scorer, prompt, *texts)
        if pair is not None:
            self._comparison = self._comparison.observe(pair.difference)
            self._num_right.update({"canary": pair.canary, "stable": pair.stable})

    @property
    def verdict(self) -> Verdict:
        if self._comparison.e_fail >= self._fail_at:
            return Verdict.ROLL_BACK
        if self._comparison.e_pass >= self._pass_at and self._is_telling:
            return Verdict.PROMOTE
        return Verdict.INCONCLUSIVE

    @property
    def _is_telling(self) -> bool:
        return self._num_right["stable"] >= MIN_STABLE_SHARE * self._comparison.num_pairs

    def outcome(self, ttfts_s: Mapping[str, float], num_warmups: Mapping[str, int]) -> GateOutcome:
        """Return the verdict with its numbers; by arm the warm TTFT and answers until then."""
        comparison, right, margin = self._comparison, self._num_right, self._gate.margin
        said = [
            f"of {comparison.num_pairs} prompts the canary was right in {right['canary']}, the "
            f"stable revision in {right['stable']}",
            f"evidence {comparison.e_pass:.3g} of {self._pass_at:g} that it is worse by less than "
            f"{100 * margin:g} %, {comparison.e_fail:.3g} of {self._fail_at:g} that it is worse by "
            "more",
            *self._failed(),
            f"warm TTFT {1000 * ttfts_s['canary']:.3g} ms against "
            f"{1000 * ttfts_s['stable']:.3g} ms",
        ]
        if not self._is_telling:
            said.append("the stable revision itself is mostly wrong: these prompts tell nothing")
        numbers = {
            "num_pairs": comparison.num_pairs,
            "canary_right": right["canary"],
            "stable_right": right["stable"],
            "canary_failed": self._failures["canary"].total(),
            "stable_failed": self._failures["stable"].total(),
            "e_pass": comparison.e_pass,
            "pass_threshold": self._pass_at,
            "e_fail": comparison.e_fail,
            "fail_threshold": self._fail_at,
            "margin": margin,
            "canary_ttft_s": ttfts_s["canary"],
            "stable_ttft_s": ttfts_s["stable"],
            "canary_warmups": num_warmups["canary"],
            "stable_warmups": num_warmups["stable"],
        }
        return GateOutcome(self.verdict, "; ".join(said), numbers)

    def _failed(self) -> list[str]:
        told = []
        for arm, reasons in self._failures.items():
            for reason, number in reasons.most_common(1):
                told.append(f"{arm} failed {reasons.total()} times, {number} of them {reason}")
        return told
