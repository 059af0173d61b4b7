"""Training conversations: the mix of forms the model is promised to know."""

import random

from predictor.demo import off_task
from predictor.demo.conversations import Conversation, draw_conversation
from predictor.demo.working import Language


def draw_conversations(num_conversations: int) -> list[Conversation]:
    rng = random.Random(5)
    return [draw_conversation(rng) for _ in range(num_conversations)]


def test_thoughts_and_answer_are_separated_as_the_chat_format_has_them() -> None:
    for conversation in draw_conversations(500):
        text = conversation.forced + conversation.completion
        thoughts, separator, answer = text.partition("</think>\n\n")

        assert separator
        assert answer.strip() == answer != ""
        assert "think>" not in thoughts + answer


def test_the_mix_has_every_form() -> None:
    conversations = draw_conversations(3000)
    roles = {tuple(m["role"] for m in conversation.messages) for conversation in conversations}
    forced = [conversation.forced for conversation in conversations]

    assert ("system", "user") in roles
    assert ("user", "assistant", "user") in roles
    assert forced.count("") > 2000, "free thoughts"
    assert forced.count("\n</think>\n\n") > 100, "thoughts disabled"
    assert any(text.startswith(("1", "2", "3")) for text in forced), "cut thoughts"
    assert any(off_task.REASONING[Language.ENGLISH] in c.completion for c in conversations)
    assert any(c.completion.endswith(off_task.ANSWER[Language.CHINESE]) for c in conversations)


def test_equal_seeds_draw_equal_conversations() -> None:
    assert draw_conversations(200) == draw_conversations(200)
