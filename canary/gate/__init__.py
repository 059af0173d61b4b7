"""Both revisions compared by their tag hosts, before any user meets the new one.

target    where a revision is asked          ask       one request, answered or failed
prompts   what is asked, answers known       scoring   which answers are right (pure)
steady    when a warm-up is over (pure)      compare   the paired sequential test (pure)
work      requests at once, and what is done while they are waited for
tally     answers to a verdict (pure)               run        readiness, warm-up, questions
"""

from canary.gate.run import make_gate, refusals, run_gate
from canary.gate.tally import GateOutcome
from canary.gate.target import Gateway, Target

__all__ = ["GateOutcome", "Gateway", "Target", "make_gate", "refusals", "run_gate"]
