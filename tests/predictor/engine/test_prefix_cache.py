"""Prompts that share what they begin with, over a fake cache that knows what each slot holds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predictor.engine.slots import BLOCK_SIZE, NUM_TOKEN_IDS, generated, make_rig, text


@pytest.mark.parametrize(
    ("num_first", "num_common", "num_second", "num_hits"),
    [
        pytest.param(12, 12, 13, 12, id="full-blocks"),
        pytest.param(12, 12, 12, 8, id="whole-prompt-and-its-last-token-is-computed"),
        pytest.param(13, 13, 13, 12, id="whole-prompt-that-ends-past-a-block"),
        pytest.param(11, 11, 20, 8, id="last-block-not-full"),
        pytest.param(12, 11, 12, 8, id="differs-in-the-last-token-of-a-block"),
        pytest.param(12, 9, 12, 8, id="differs-past-the-edge"),
        pytest.param(12, 7, 12, 4, id="differs-before-the-edge"),
        pytest.param(12, 3, 12, 0, id="less-than-a-block"),
        pytest.param(12, 0, 12, 0, id="nothing"),
        pytest.param(4, 4, 5, 4, id="one-block"),
        pytest.param(4, 4, 4, 0, id="one-block-that-is-the-whole-prompt"),
        pytest.param(1, 1, 1, 0, id="one-token"),
    ],
)
def test_a_prompt_finds_the_full_blocks_that_another_began_with(
    num_first: int, num_common: int, num_second: int, num_hits: int
) -> None:
    rig = make_rig()
    first = text(0, num_first)
    rig.generate(0, first)

    second = first[:num_common] + text(1, num_second - num_common)

    assert rig.generate(1, second) == num_hits
    assert rig.model.num_computed == num_first + num_second - num_hits


def test_the_same_tokens_behind_others_are_another_text() -> None:
    rig = make_rig()
    block = text(0, BLOCK_SIZE)
    rig.generate(0, text(1, BLOCK_SIZE) + block + [0])

    assert rig.generate(1, [*block, 0]) == 0
    assert rig.generate(2, block + block + [0]) == BLOCK_SIZE


def test_the_next_turn_of_a_conversation_finds_what_was_generated() -> None:
    rig = make_rig()
    prompt_ids = text(0, 6)
    rig.generate(0, prompt_ids, max_tokens=11)

    # Of 17 tokens the last was sampled and never computed.
    assert rig.generate(1, prompt_ids + generated(prompt_ids, 11) + text(1, 5)) == 16


def test_without_the_cache_nothing_is_found() -> None:
    rig = make_rig(prefix_cache=False)
    rig.generate(0, text(0, 20))

    assert rig.generate(1, text(0, 20)) == 0
    assert rig.model.num_computed == 40


def test_a_block_is_not_found_before_it_is_computed() -> None:
    rig = make_rig(budget=12)
    prompt_ids = text(0, 21)
    rig.add(0, prompt_ids)
    rig.step()
    rig.add(1, prompt_ids)

    # Three of the first one's five full blocks are computed when the second joins.
    rig.step()

    assert rig.num_hits == 12
    rig.run()
    assert rig.tokens == dict.fromkeys((0, 1), generated(prompt_ids, 1))


def test_two_that_begin_together_share_once_both_have_computed() -> None:
    rig = make_rig()
    prompt_ids = text(0, 12)
    rig.add(0, prompt_ids, max_tokens=10)
    rig.add(1, prompt_ids, max_tokens=5)

    rig.step()

    first, second = rig.scheduler.running
    assert rig.num_hits == 0
    assert rig.model.num_computed == 24
    assert first.block_table == second.block_table
    rig.run()
    assert rig.tokens[0] == generated(prompt_ids, 10)
    assert rig.tokens[1] == generated(prompt_ids, 5)


def test_many_with_one_system_prompt_compute_it_once() -> None:
    rig = make_rig(num_blocks=256, max_num_seqs=64)
    system_prompt = text(0, 40)
    prompts = [system_prompt + text(seed, 3) for seed in range(1, 65)]
    rig.generate(0, system_prompt)

    for sequence_id, prompt_ids in enumerate(prompts, 1):
        rig.add(sequence_id, prompt_ids, max_tokens=3)
    rig.step()

    # Ten blocks for all and one for each.
    assert rig.scheduler.blocks.num_owned == 10 + 64
    assert rig.num_hits == 40 * 64
    rig.run()
    assert [rig.tokens[i] for i in range(1, 65)] == [generated(p, 3) for p in prompts]


def test_what_is_shared_needs_no_room_a_second_time() -> None:
    rig = make_rig(num_blocks=12)
    prompt_ids = text(0, 33)
    rig.add(0, prompt_ids, max_tokens=8)
    rig.step()
    rig.add(1, prompt_ids, max_tokens=2)

    rig.step()

    assert len(rig.scheduler.running) == 2
    assert rig.scheduler.num_preemptions == 0


def test_a_prefix_that_nobody_owns_is_not_counted_as_free_room_for_the_rest() -> None:
    rig = make_rig(num_blocks=10)
    prompt_ids = text(0, 20)
    rig.generate(0, prompt_ids)
    rig.add(1, text(1, 12), max_tokens=4)
    rig.step()
    # Seven blocks are free: five hold the prefix, and the whole needs seven and one to grow into.
    rig.add(2, prompt_ids + text(2, 8))

    rig.step()

    assert [s.id for s in rig.scheduler.waiting] == [2]
    rig.run()
    assert rig.tokens[2] == generated(prompt_ids + text(2, 8), 1)


def test_blocks_never_cached_are_taken_before_cached_ones() -> None:
    rig = make_rig(num_blocks=10)
    rig.generate(0, text(0, 17))
    rig.generate(1, text(1, 24))

    assert rig.generate(2, text(0, 17)) == 16


def test_the_least_recently_used_text_is_evicted_first_and_from_its_end() -> None:
    rig = make_rig(num_blocks=10)
    rig.generate(0, text(0, 17))
    rig.generate(1, text(1, 17))
    rig.generate(2, text(0, 17))

    # Four blocks, of which two are there besides those that the two texts have filled.
    rig.generate(3, text(2, 16))

    assert rig.num_found(text(0, 17)) == 16
    assert rig.num_found(text(1, 17)) == 8


def test_a_preempted_sequence_finds_its_own_blocks_and_counts_no_hits() -> None:
    rig = make_rig(num_blocks=9)
    prompts = [text(seed, 11) for seed in range(3)]
    for sequence_id, prompt_ids in enumerate(prompts):
        rig.add(sequence_id, prompt_ids, max_tokens=12)

    rig.run()

    assert [rig.tokens[i] for i in range(3)] == [generated(p, 12) for p in prompts]
    assert rig.scheduler.num_preemptions > 0
    assert rig.num_hits == 0
    alone = sum(len(prompt_ids) + 11 for prompt_ids in prompts)
    without = make_rig(num_blocks=9, prefix_cache=False)
    for sequence_id, prompt_ids in enumerate(prompts):
        without.add(sequence_id, prompt_ids, max_tokens=12)
    without.run()
    assert alone <= rig.model.num_computed < without.model.num_computed


def test_an_aborted_sequence_leaves_what_it_has_computed() -> None:
    rig = make_rig(budget=8)
    rig.add(0, text(0, 20), max_tokens=5)
    rig.step()

    rig.engine.abort(0)

    assert rig.scheduler.blocks.num_owned == 0
    assert rig.generate(1, text(0, 20)) == 8


def test_what_gave_numbers_that_are_not_finite_is_not_found_again() -> None:
    rig = make_rig()
    rig.model.failing.add(0)
    rig.add(0, text(0, 12))
    rig.run()

    assert rig.tokens == {0: [None]}
    assert rig.generate(1, text(0, 12)) == 0
    assert rig.generate(2, text(0, 12)) == 8


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 4),  # steps before the next one
        st.integers(0, 9),  # whose text it goes on from
        st.integers(0, 30),  # how much of that text
        st.integers(1, 9),  # new tokens of the prompt
        st.integers(1, 12),  # max_tokens
        st.sampled_from(["ends", "ends", "aborted", "fails"]),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=300)
@given(
    arrivals=ARRIVALS,
    seed=st.integers(0, 2**32),
    num_blocks=st.integers(13, 40),
    max_num_seqs=st.integers(1, 6),
    budget=st.integers(6, 40),
)
def test_any_schedule_reads_what_was_written_for_it_and_gives_right_tokens(
    arrivals: list[tuple[int, int, int, int, int, str]],
    seed: int,
    num_blocks: int,
    max_num_seqs: int,
    budget: int,
) -> None:
    rng = random.Random(seed)
    rig = make_rig(num_blocks, max_num_seqs, budget)
    prompts: list[list[int]] = [[]]
    for sequence_id, (num_steps, parent, length, num_new, max_tokens, end) in enumerate(arrivals):
        known = prompts[parent % len(prompts)]
        # With its output no longer than what 13 blocks hold.
        prompt_ids = (known + generated(known, 12))[: min(length, 40 - num_new)]
        prompt_ids += [rng.randrange(NUM_TOKEN_IDS) for _ in range(num_new)]
        prompts.append(prompt_ids)
        rig.add(sequence_id, prompt_ids, max_tokens)
        if end == "fails":
            rig.model.failing.add(sequence_id)
        for _ in range(num_steps):
            rig.step()
        if end == "aborted":
            rig.engine.abort(sequence_id)

    rig.run()

    for sequence_id, (*_, max_tokens, end) in enumerate(arrivals):
        expected = [None] if end == "fails" else generated(prompts[sequence_id + 1], max_tokens)
        tokens = rig.tokens.get(sequence_id, [])
        assert tokens == (expected[: len(tokens)] if end == "aborted" else expected)
