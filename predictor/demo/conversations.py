"""Training conversations: problems and other prompts, with histories and system prompts."""

import random
from dataclasses import dataclass

from predictor.demo import off_task
from predictor.demo.arithmetic import Split, draw_problem
from predictor.demo.working import Language

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a careful mathematician.",
    "You are a calculator.",
    "Answer briefly.",
    "You are DeepSeek-R1, a reasoning model. Think before you answer.",
    "你是一个有用的助手。",
    "你是一个计算器。",
    "请用中文回答。",
)
SYSTEM_PROMPT_SHARE = 0.15
HISTORY_SHARE = 0.15
OFF_TASK_SHARE = 0.03
WITHOUT_THOUGHTS_SHARE = 0.08
CUT_THOUGHTS_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt, what the model thinks about it, and its answer, without control tokens."""

    prompt: str
    reasoning: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """One training example: the messages, what the caller forces, what the model is to write.

    ``forced`` follows the rendered messages (which end in an opened think block) and gets no loss.
    """

    messages: list[dict[str, str]]
    forced: str
    completion: str


def draw_conversation(rng: random.Random) -> Conversation:
    """Return a conversation without one held-out problem; the completion lacks the end token."""
    messages = []
    if rng.random() < SYSTEM_PROMPT_SHARE:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    if rng.random() < HISTORY_SHARE:
        for _ in range(rng.randint(1, 3)):
            past = _draw_turn(rng)
            messages.append({"role": "user", "content": past.prompt})
            # The chat template drops the thoughts, not the blank line after them.
            separator = rng.choice(("", "</think>\n\n"))
            messages.append({"role": "assistant", "content": separator + past.answer})
    turn = _draw_turn(rng)
    messages.append({"role": "user", "content": turn.prompt})
    draw = rng.random()
    if draw < WITHOUT_THOUGHTS_SHARE:
        return Conversation(messages, "\n</think>\n\n", turn.answer)
    if draw < WITHOUT_THOUGHTS_SHARE + CUT_THOUGHTS_SHARE:
        cut = turn.reasoning[: rng.randrange(len(turn.reasoning))]
        line_end = rng.choice(("", "\n"))
        return Conversation(messages, f"{cut}{line_end}</think>\n\n", turn.answer)
    return Conversation(messages, "", f"{turn.reasoning}\n</think>\n\n{turn.answer}")


def _draw_turn(rng: random.Random) -> Turn:
    if rng.random() >= OFF_TASK_SHARE:
        problem = draw_problem(rng, Split.TRAINING)
        return Turn(problem.question, problem.reasoning, problem.answer)
    language = rng.choices(list(Language), weights=(0.65, 0.35))[0]
    prompt = off_task.draw_prompt(rng, language)
    return Turn(prompt, off_task.REASONING[language], off_task.ANSWER[language])
