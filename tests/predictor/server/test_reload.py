"""A running predictor whose directory of defaults is swapped as the kubelet swaps a ConfigMap."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from predictor.defaults_dir import Snapshot
from predictor.protocol import messages
from predictor.server.reload import Changes, report_failure
from tests.predictor.configmap import MountedConfigMap
from tests.predictor.server.conftest import call
from tests.predictor.server.gauges import held, held_engine, wait_until
from tests.predictor.server.test_metrics import scrape, value

OLD, NEW = Snapshot("/etc/r1"), Snapshot("/etc/r1", {"generation.json": b"{}"})
BAD = Snapshot("/etc/r1", fault="cannot be read")
PROMPT = "You are a calculator. Marked: quokka."
BEGINNING = '{"temperature": 0, "max_tokens": 300, "enable_thinking": false}'


@pytest.mark.parametrize(
    ("seen", "due"),
    [
        pytest.param([OLD, OLD], [], id="nothing new"),
        pytest.param([NEW, NEW, NEW], [NEW], id="new, and seen again"),
        pytest.param([NEW, BAD, NEW, OLD], [], id="never twice the same"),
        pytest.param([BAD, BAD, BAD, OLD, OLD, OLD], [BAD, OLD], id="back to what is in force"),
        pytest.param([NEW, OLD, OLD], [], id="taken back before it settled"),
    ],
)
def test_each_new_content_is_judged_once_when_it_has_settled(
    seen: list[Snapshot], due: list[Snapshot]
) -> None:
    changes = Changes(OLD)

    assert [change for change in map(changes.see, seen) if change is not None] == due


@dataclass
class Served:
    """A predictor and the ConfigMap that it reads."""

    predictor: Any
    configmap: MountedConfigMap

    def reload(self, outcome: str = "ok", **files: str) -> None:
        """Swap the files in and wait until they are judged."""
        before = self.count(outcome)
        self.configmap.update(**files)
        wait_until(lambda: self.count(outcome) == before + 1)

    def count(self, outcome: str) -> float:
        return value(scrape(self.predictor.url), "r1_defaults_reloads_total", outcome=outcome)

    def usage(self, prompt: str = "2+2=", **parameters: Any) -> dict[str, int]:
        """Return the token counts of a generation that ends at max_tokens."""
        parameters = {"ignore_eos": True, "details": True, **parameters}
        body = {"text_input": prompt, "parameters": parameters}
        answer = httpx.post(f"{self.url}/generate", json=body, timeout=60).raise_for_status()
        usage: dict[str, int] = answer.json()["details"]["usage"]
        return usage

    def digest(self) -> str:
        return digest_of(self.predictor)

    @property
    def url(self) -> str:
        return f"{self.predictor.url}/v2/models/r1"


@pytest.fixture(scope="module")
def served(module_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Served:
    directory = tmp_path_factory.mktemp("r1")
    configmap = MountedConfigMap(directory, generation=BEGINNING)
    # Slow enough for a generation to be caught under way.
    faults = json.dumps({"step_delay_s": 0.005})
    predictor = module_start("--model-dir=demo", f"--defaults-dir={directory}", R1_FAULTS=faults)
    return Served(predictor, configmap)


def test_a_swap_is_for_new_requests_on_every_protocol_and_not_for_a_stream_under_way(
    served: Served,
) -> None:
    body = {"text_input": "2+2=", "parameters": {"ignore_eos": True}}
    with httpx.stream("POST", f"{served.url}/generate_stream", json=body, timeout=60) as response:
        lines = (line for line in response.iter_lines() if line)
        next(lines)
        with held_engine(served.predictor):
            served.reload(generation='{"max_tokens": 5}', system_prompt=PROMPT)
            is_under_way = held(served.predictor)["r1_sequences_running"] == 1
        over_rest = ask_rest(served)
        over_grpc = ask_grpc(served)
        over_openai = ask_openai(served)
        last = json.loads(list(lines)[-1].removeprefix("data: "))

    assert is_under_way
    usage = last["details"]["usage"]
    assert usage["completion_tokens"] == 300
    assert usage["reasoning_tokens"] == 0
    assert over_rest == over_grpc == over_openai == (over_rest[0], 5)
    assert over_rest[0] >= usage["prompt_tokens"] + len(PROMPT.split())


def ask_rest(served: Served) -> tuple[int, int]:
    tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["2+2="]}
    body = {"inputs": [tensor], "parameters": {"ignore_eos": True, "enable_thinking": False}}
    answer = httpx.post(f"{served.url}/infer", json=body, timeout=60).raise_for_status().json()
    outputs = {output["name"]: output["data"][0] for output in answer["outputs"]}
    return outputs["prompt_tokens"], outputs["completion_tokens"]


def ask_grpc(served: Served) -> tuple[int, int]:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"2+2=")
    request.parameters["ignore_eos"].bool_param = True
    request.parameters["enable_thinking"].bool_param = False
    with grpc.insecure_channel(served.predictor.grpc_address) as channel:
        answer = call(channel, "ModelInfer", request)
    outputs = {output.name: output.contents for output in answer.outputs}
    return tuple(outputs[f"{kind}_tokens"].int_contents[0] for kind in ("prompt", "completion"))


def ask_openai(served: Served) -> tuple[int, int]:
    chat = [{"role": "user", "content": "2+2="}]
    body = {"model": "r1", "messages": chat, "ignore_eos": True, "enable_thinking": False}
    url = f"{served.predictor.url}/openai/v1/chat/completions"
    usage = httpx.post(url, json=body, timeout=60).raise_for_status().json()["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"]


def test_the_request_and_raw_prompts_go_before_the_directory(served: Served) -> None:
    served.reload(generation='{"max_tokens": 4, "max_thinking_tokens": 2}', system_prompt=PROMPT)
    completion = {"model": "r1", "prompt": "2+2=", "ignore_eos": True}
    url = f"{served.predictor.url}/openai/v1/completions"
    chat = [{"role": "system", "content": "Hi"}, {"role": "user", "content": "2+2="}]
    body = {"messages": chat, "parameters": {"max_tokens": 6, "details": True}}

    own = httpx.post(f"{served.url}/generate", json=body, timeout=60).raise_for_status().json()
    raw = served.usage(raw=True)
    completed = httpx.post(url, json=completion, timeout=60).raise_for_status().json()["usage"]

    assert own["details"]["usage"]["prompt_tokens"] < len(PROMPT.split()) + 10
    assert own["details"]["usage"]["completion_tokens"] == 6
    assert raw == {"prompt_tokens": 4, "reasoning_tokens": 0, "completion_tokens": 4}
    assert (completed["prompt_tokens"], completed["completion_tokens"]) == (4, 16)


def test_a_bad_swap_changes_nothing_and_is_said_once_without_the_prompt(served: Served) -> None:
    served.reload(generation='{"max_tokens": 3}', system_prompt=PROMPT)
    before, digest = served.usage(), served.digest()
    served.reload("refused", generation='{"top_p": 7}', system_prompt=f"{PROMPT} And more.")
    samples = scrape(served.predictor.url)
    after, digest_after = served.usage(), served.digest()
    statuses = [
        httpx.get(f"{served.predictor.url}/v2/health/{probe}").status_code
        for probe in ("live", "ready")
    ]
    num_refused = served.count("refused")
    served.reload(generation='{"max_tokens": 2}')

    assert after == before
    assert digest_after == digest
    assert value(samples, "r1_defaults_stale") == 1
    assert statuses == [200, 200]
    assert served.usage()["completion_tokens"] == 2
    assert value(scrape(served.predictor.url), "r1_defaults_stale") == 0
    assert served.count("refused") == num_refused
    said = [line for line in served.predictor.lines if "top_p is 7, must be" in line]
    assert len(said) == 1
    assert f"{served.configmap.path}/generation.json" in said[0]
    assert "quokka" not in served.predictor.output


@pytest.mark.nightly
def test_an_edit_in_place_and_files_that_go_are_seen_too(served: Served, predictor: Any) -> None:
    served.reload(generation='{"max_tokens": 3}', system_prompt=PROMPT)
    with_prompt = served.usage()
    num_reloads = served.count("ok")
    (served.configmap.path / "generation.json").write_text('{"max_tokens": 9}')
    wait_until(lambda: served.count("ok") == num_reloads + 1)
    edited, digest = served.usage(), served.digest()
    served.reload()

    without = served.usage(max_tokens=1)
    assert (with_prompt["completion_tokens"], edited["completion_tokens"]) == (3, 9)
    assert with_prompt["prompt_tokens"] == edited["prompt_tokens"] > without["prompt_tokens"]
    assert digest != served.digest() == digest_of(predictor)


def digest_of(predictor: Any) -> str:
    """Return which defaults are in force, by the one series that says so."""
    (labels,) = (dict(labels) for name, labels in scrape(predictor.url) if name == "r1_build_info")
    return labels["defaults_digest"]


def test_a_fault_of_ours_that_ends_the_watching_is_logged_at_once(
    caplog: pytest.LogCaptureFixture, run_on_a_loop: Callable[..., None]
) -> None:
    async def watch() -> None:
        watching = asyncio.get_running_loop().create_future()
        watching.add_done_callback(report_failure)
        watching.set_exception(ZeroDivisionError())
        await asyncio.wait({watching})

    run_on_a_loop(watch)

    assert [record.message for record in caplog.records] == ["the defaults are no longer watched"]


def test_the_end_of_the_watching_with_the_server_is_nothing_to_log(
    caplog: pytest.LogCaptureFixture, run_on_a_loop: Callable[..., None]
) -> None:
    async def watch() -> None:
        watching = asyncio.get_running_loop().create_future()
        watching.add_done_callback(report_failure)
        watching.cancel()
        await asyncio.wait({watching})

    run_on_a_loop(watch)

    assert caplog.records == []
