"""The whole gate: against the real predictor, and against servers that go wrong."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canary.errors import Held
from canary.gate import GateOutcome, Gateway, Target, make_gate, refusals, run_gate
from canary.gate.prompts import prompts_of
from canary.judgement.verdict import Verdict
from canary.plan import Gate, Judgement
from tests.canary.closed_port import closed_port
from tests.canary.gate.fault_server import Server, answering, serving
from tests.canary.rollout.bench import PLAN, Bench
from tests.predictor.server.conftest import Predictor, start_predictor

# So much at once that few pairs decide.
WIDE = Gate(margin=0.3, num_prompts=40, max_warmup=20.0)
ANSWERS = {prompt.text: prompt.expected or "" for prompt in prompts_of(WIDE, 1)}


def right(prompt: str) -> object:
    return answering(ANSWERS[prompt])


def wrong(prompt: str) -> object:
    return answering(f"{ANSWERS[prompt]}1")


@pytest.fixture
def stable() -> Iterator[Server]:
    with serving(Server(infer=right)) as server:
        yield server


def gate_of(
    canary: Server,
    stable: Server,
    gate: Gate = WIDE,
    on_wait: Callable[[], None] = lambda: None,
) -> GateOutcome:
    targets = (Target(canary.url), Target(stable.url))
    return run_gate(gate, Judgement(), *targets, seed=1, on_wait=on_wait)


def test_a_revision_passes_against_itself(predictor: Predictor) -> None:
    both = Target(predictor.url)
    outcome = run_gate(WIDE, Judgement(), both, both, seed=1, on_wait=lambda: None)
    assert outcome.verdict is Verdict.PROMOTE, outcome.text
    assert outcome.numbers["num_pairs"] == 12
    assert outcome.numbers["canary_right"] == outcome.numbers["stable_right"]


@pytest.mark.nightly
def test_perturbed_weights_are_failed_before_any_user(predictor: Predictor) -> None:
    gate = Gate(max_warmup=20.0)
    noisy = start_predictor("--model-dir=demo", R1_FAULTS='{"weight_noise": 0.2}')
    try:
        targets = (Target(noisy.url), Target(predictor.url))
        outcome = run_gate(gate, Judgement(), *targets, seed=1, on_wait=lambda: None)
    finally:
        noisy.process.kill()
        noisy.process.wait()
        noisy.reader.join()
    assert outcome.verdict is Verdict.ROLL_BACK, outcome.text


def test_a_canary_that_answers_wrongly_is_failed_with_the_numbers(stable: Server) -> None:
    with serving(Server(infer=wrong)) as canary:
        outcome = gate_of(canary, stable)
    assert outcome.verdict is Verdict.ROLL_BACK
    assert outcome.text.startswith(
        f"of {outcome.numbers['num_pairs']} prompts the canary was right in 0, the stable revision "
        f"in {outcome.numbers['num_pairs']}; evidence "
    )


def test_every_number_is_finite_and_beside_its_threshold(stable: Server) -> None:
    with serving(Server(infer=wrong)) as canary:
        numbers = gate_of(canary, stable).numbers
    assert all(isinstance(each, int | float) and math.isfinite(each) for each in numbers.values())
    assert (numbers["pass_threshold"], numbers["fail_threshold"]) == (20.0, 100.0)
    assert numbers["e_fail"] >= numbers["fail_threshold"]
    assert numbers["canary_warmups"] >= 10


def test_what_a_rollout_is_told_has_the_numbers() -> None:
    plan = PLAN.model_copy(update={"gate": Gate(margin=0.3, num_prompts=40, scorer="equal")})
    bench = Bench(plan=plan)
    with serving(Server(infer=lambda _: answering("alike"))) as both:
        gateway = Gateway(url=both.url, domain="example.com")
        gate = make_gate(plan, gateway, bench.model.service(), on_wait=lambda: None)
        result = gate(bench.rollout)
    assert result.verdict is Verdict.PROMOTE
    assert result.numbers["canary_right"] == result.numbers["num_pairs"] == 12


def test_requests_that_fail_count_against_the_canary_and_are_told(stable: Server) -> None:
    with serving(Server(infer=lambda _: 500)) as canary:
        outcome = gate_of(canary, stable)
    assert outcome.verdict is Verdict.ROLL_BACK
    number = outcome.numbers["canary_failed"]
    assert f"canary failed {number} times, {number} of them 500" in outcome.text


def test_two_revisions_that_both_fail_prove_nothing() -> None:
    with serving(Server(infer=lambda _: 503)) as both:
        outcome = gate_of(both, both)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.numbers["stable_failed"] == 40


def test_two_revisions_that_are_both_wrong_prove_nothing() -> None:
    with serving(Server(infer=wrong)) as both:
        outcome = gate_of(both, both)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.text.endswith("itself is mostly wrong: these prompts tell nothing")


@pytest.mark.parametrize(
    ("canary", "said"),
    [
        pytest.param(Server(right, ready=503), "(canary: 503)", id="not ready"),
        pytest.param(Server(right, models=404), "(canary: 404)", id="no such host"),
        pytest.param(
            Server(right, models={"models": ["a", "b"]}), "names not exactly one model", id="two"
        ),
    ],
)
def test_a_revision_that_is_not_ready_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch, stable: Server, canary: Server, said: str
) -> None:
    monkeypatch.setattr("canary.gate.run.READY_S", 0.0)
    with serving(canary):
        outcome = gate_of(canary, stable)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert said in outcome.text
    assert outcome.numbers == {"num_unready": 1, "waited_s": 0.0}


def test_a_host_that_is_not_there_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch, stable: Server
) -> None:
    monkeypatch.setattr("canary.gate.run.READY_S", 0.0)
    with closed_port() as port:
        outcome = gate_of(Server(right, port=port), stable)
    assert (outcome.verdict, outcome.text) == (
        Verdict.INCONCLUSIVE,
        "not ready at the tag hosts after 0 s (canary: ConnectError)",
    )


def test_a_canary_that_does_not_warm_up_is_inconclusive(stable: Server) -> None:
    with serving(Server(right, stream=lambda _: 500)) as canary:
        outcome = gate_of(canary, stable, Gate(max_warmup=1.0))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.text.startswith("TTFT is not steady after 1 s (canary after 0 answers, ")
    assert outcome.text.endswith("times canary: 500)")
    numbers = outcome.numbers
    assert numbers["canary_warmups"] == 0
    assert numbers["stable_warmups"] >= 1
    assert f"{numbers['failed_warmups']} times canary: 500" in outcome.text


def test_prompts_that_cannot_be_read_are_inconclusive(stable: Server) -> None:
    outcome = gate_of(stable, stable, Gate(prompts="/none"))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "gate.prompts is /none: No such file" in outcome.text


def test_neither_prompts_nor_answers_are_in_the_outcome(tmp_path: Path, stable: Server) -> None:
    path = tmp_path / "prompts.jsonl"
    entry = {"prompt": "planted-prompt", "expected": "planted-answer"}
    path.write_text(json.dumps(entry))
    with serving(Server(infer=lambda _: answering("planted-reply"))) as both:
        outcome = gate_of(both, both, Gate(prompts=str(path), scorer="expected"))
    assert outcome.numbers["num_pairs"] == 1
    assert "planted" not in repr(outcome)


def test_what_is_raised_while_waiting_ends_the_gate(stable: Server) -> None:
    def lose_lease() -> None:
        raise Held("another has it")

    with pytest.raises(Held):
        gate_of(stable, stable, on_wait=lose_lease)


def test_the_lease_can_be_kept_during_a_slow_answer(
    monkeypatch: pytest.MonkeyPatch, stable: Server
) -> None:
    monkeypatch.setattr("canary.gate.work._SLICE_S", 0.05)
    is_asked, waits = threading.Event(), threading.Semaphore(0)
    kept: list[bool] = []

    def keep() -> None:
        if is_asked.is_set():
            waits.release()

    def slow(prompt: str) -> object:
        if not is_asked.is_set():
            is_asked.set()
            kept.extend(waits.acquire(timeout=20) for _ in range(3))
        return right(prompt)

    with serving(Server(infer=slow)) as canary:
        gate_of(canary, stable, on_wait=keep)
    assert kept == [True, True, True]


def test_prompts_too_few_to_ever_pass_are_refused() -> None:
    (said,) = refusals(Gate(num_prompts=84), Judgement())
    assert said.startswith("the gate has 84 prompts, must have at least 85")
    assert refusals(Gate(num_prompts=85), Judgement()) == []
