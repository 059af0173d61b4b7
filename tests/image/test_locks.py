"""What the image is installed from: the tested versions, whole, by hash alone."""

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.image.locks import PIN, constraints, declared, excluded, needed, pins, text_of

LOCKS = ("gpu", "cpu", "tools", "build", "sbom")
CUDA = ("cuda-", "nvidia-", "triton")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_the_tests_run_with(lock: str) -> None:
    locked, tested = pins(lock), constraints()
    public = {name: Version(version).public for name, version in locked.items()}

    both = public.keys() & tested.keys()
    assert both
    assert {name: public[name] for name in both} == {name: tested[name] for name in both}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_pins_with_hashes_and_nothing_else(lock: str) -> None:
    lines = [line for line in text_of(lock).splitlines(keepends=True) if line[0] != "#"]
    matches = list(PIN.finditer(text_of(lock)))

    assert "".join(lines) == "".join(f"{match.group()}\n" for match in matches)
    assert [match.group(1) for match in matches if not match.group(3)] == []


def test_the_two_locks_differ_by_torch_and_cuda_alone() -> None:
    gpu, cpu = pins("gpu"), pins("cpu")

    assert (gpu.pop("torch"), cpu.pop("torch")) == ("2.13.0", "2.13.0+cpu")
    assert {name: v for name, v in gpu.items() if not name.startswith(CUDA)} == cpu


@pytest.mark.parametrize(
    ("lock", "extra"),
    [("gpu", None), ("cpu", None), ("tools", "canary"), ("tools", "loadtest")],
)
def test_a_lock_follows_setup_cfg(lock: str, extra: str | None) -> None:
    locked = pins(lock)

    refused = [
        line
        for line in declared(extra=extra)
        if not line.specifier.contains(locked.get(canonicalize_name(line.name), "0"))
    ]
    assert refused == []


def test_the_cpu_lock_is_what_the_predictor_needs_less_what_is_excluded() -> None:
    names = needed("kserve-r1", without=excluded())

    # The tests may run with a torch that has CUDA.
    assert set(pins("cpu")) == {name for name in names if not name.startswith(CUDA)}


def test_each_exclusion_is_something_the_predictor_would_drag_in() -> None:
    assert excluded() <= needed("kserve-r1", without=set())


def needed_by_tools(*, without: set[str]) -> set[str]:
    lines = [*declared(extra="canary"), *declared(extra="loadtest")]
    names = {canonicalize_name(line.name) for line in lines}
    return {*names, *(other for name in names for other in needed(name, without=without))}


def test_the_lock_of_the_tools_is_what_their_extras_need_less_what_is_excluded() -> None:
    left_out = excluded("excluded-tools")

    assert set(pins("tools")) == needed_by_tools(without=left_out)


def test_each_exclusion_of_the_tools_is_something_they_would_drag_in() -> None:
    assert excluded("excluded-tools") <= needed_by_tools(without=set())
