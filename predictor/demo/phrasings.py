"""The many ways in which people ask for a sum, a difference or a product."""

import random

from predictor.demo.working import Language, Operator

SYMBOLS = {
    Operator.ADD: ("+", "+", "+", "＋"),
    Operator.SUBTRACT: ("-", "-", "-", "−", "–"),
    Operator.MULTIPLY: ("*", "×", "x", "*", "·", "X"),
}
# Shares of: an equation alone, an equation in a frame, a phrase in words, a request in words.
# An equation alone says no language; the model thinks English about it.
FORM_WEIGHTS = {Language.ENGLISH: (35, 15, 35, 15), Language.CHINESE: (0, 40, 60, 0)}
PREFIX_SHARE = 0.06
SUFFIX_SHARE = 0.1
# A noun phrase: it fits into a frame.
EXPRESSIONS = {
    (Language.ENGLISH, Operator.ADD): (
        "{a} plus {b}",
        "{a} plus {b}",
        "the sum of {a} and {b}",
        "{a} added to {b}",
        "{a} and {b} together",
    ),
    (Language.ENGLISH, Operator.SUBTRACT): (
        "{a} minus {b}",
        "{a} minus {b}",
        "the difference between {a} and {b}",
        "{a} take away {b}",
        "{b} subtracted from {a}",
        "{a} less {b}",
    ),
    (Language.ENGLISH, Operator.MULTIPLY): (
        "{a} times {b}",
        "{a} times {b}",
        "the product of {a} and {b}",
        "{a} multiplied by {b}",
    ),
    (Language.CHINESE, Operator.ADD): ("{a}加{b}", "{a}加上{b}", "{a}与{b}的和", "{a}和{b}的和"),
    (Language.CHINESE, Operator.SUBTRACT): (
        "{a}减{b}",
        "{a}减去{b}",
        "{a}与{b}的差",
        "{a}和{b}的差",
    ),
    (Language.CHINESE, Operator.MULTIPLY): (
        "{a}乘{b}",
        "{a}乘以{b}",
        "{a}与{b}的积",
        "{a}和{b}的乘积",
    ),
}
# A verb phrase: a request by itself.
REQUESTS = {
    Operator.ADD: ("add {a} and {b}", "add {a} to {b}", "sum {a} and {b}"),
    Operator.SUBTRACT: ("subtract {b} from {a}", "take {b} away from {a}", "take {b} from {a}"),
    Operator.MULTIPLY: ("multiply {a} by {b}", "multiply {a} and {b}"),
}
FRAMES = {
    Language.ENGLISH: (
        "what is {e}?",
        "what is {e}?",
        "what is {e}",
        "what's {e}?",
        "calculate {e}.",
        "calculate {e}",
        "compute {e}.",
        "compute {e}",
        "evaluate {e}.",
        "how much is {e}?",
        "tell me {e}.",
        "can you work out {e}?",
        "please work out {e}.",
        "please calculate {e}",
        "please compute {e}.",
        "i need to know {e}.",
        "find {e}.",
        "solve {e}",
        "solve: {e}",
        "what does {e} equal?",
        "what does {e} make?",
        "what do you get for {e}?",
        "do you know {e}?",
        "could you tell me what {e} is?",
        "{e} equals what?",
        "{e} is what?",
    ),
    Language.CHINESE: (
        "{e}等于多少？",
        "{e}等于多少?",
        "{e}等于多少",
        "{e}等于几？",
        "{e}是多少？",
        "{e}是多少?",
        "{e}是几",
        "{e}得多少？",
        "{e}等于？",
        "请计算{e}。",
        "请计算{e}",
        "请计算：{e}",
        "计算{e}",
        "计算：{e}",
        "算一下{e}",
        "帮我算{e}。",
        "求{e}。",
        "请问{e}等于多少？",
        "请问{e}是多少？",
        "告诉我{e}是多少。",
    ),
}
PHRASE_FRAMES = {
    Language.ENGLISH: ("{e}", "{e}?", "{e} =", "{e}="),
    Language.CHINESE: ("{e}", "{e}="),
}
REQUEST_FRAMES = ("{e}", "{e}.", "please {e}.", "can you {e}?")
EQUATIONS = ("{e}", "{e}", "{e}=", "{e}=", "{e} =", "{e}=?", "{e} = ?", "{e}?")
PREFIXES = {
    Language.ENGLISH: (
        "hello! ",
        "hi, ",
        "hello, ",
        "hey, ",
        "question: ",
        "quick question: ",
        "ok, ",
        "now ",
    ),
    Language.CHINESE: ("你好，", "你好！", "您好，", "问题：", "请问，", "那么"),
}
SUFFIXES = {
    Language.ENGLISH: (
        " thanks!",
        " thank you.",
        " show your work.",
        " think step by step.",
        " please reason step by step.",
        " please reason step by step, and put your final answer within \\boxed{}.",
        " answer with a number only.",
    ),
    Language.CHINESE: (
        "谢谢！",
        "谢谢",
        "请一步一步思考。",
        "请逐步推理，并将最终答案放在 \\boxed{} 中。",
        "只回答数字。",
    ),
}


def draw_question(
    rng: random.Random, a: int, operator: Operator, b: int, language: Language
) -> str:
    """Return one question about the operands, in the language, drawn from ``rng``."""
    form = rng.choices(
        (_bare_equation, _framed_equation, _phrase, _request), FORM_WEIGHTS[language]
    )[0]
    question = form(rng, a, operator, b, language)
    if form is _bare_equation:
        return question
    if rng.random() < PREFIX_SHARE:
        question = rng.choice(PREFIXES[language]) + question
    if rng.random() < SUFFIX_SHARE:
        question += rng.choice(SUFFIXES[language])
    return _vary_case(rng, question) if language is Language.ENGLISH else question


def _bare_equation(
    rng: random.Random, a: int, operator: Operator, b: int, language: Language
) -> str:
    return rng.choice(EQUATIONS).format(e=_draw_equation(rng, a, operator, b))


def _framed_equation(
    rng: random.Random, a: int, operator: Operator, b: int, language: Language
) -> str:
    return rng.choice(FRAMES[language]).format(e=_draw_equation(rng, a, operator, b))


def _phrase(rng: random.Random, a: int, operator: Operator, b: int, language: Language) -> str:
    phrase = rng.choice(EXPRESSIONS[language, operator]).format(a=a, b=b)
    return rng.choice((*FRAMES[language], *PHRASE_FRAMES[language])).format(e=phrase)


def _request(rng: random.Random, a: int, operator: Operator, b: int, language: Language) -> str:
    request = rng.choice(REQUESTS[operator]).format(a=a, b=b)
    return rng.choice(REQUEST_FRAMES).format(e=request)


def _draw_equation(rng: random.Random, a: int, operator: Operator, b: int) -> str:
    symbol = rng.choice(SYMBOLS[operator])
    return rng.choice((f"{a}{symbol}{b}", f"{a} {symbol} {b}"))


def _vary_case(rng: random.Random, text: str) -> str:
    draw = rng.random()
    if draw < 0.25:
        return text
    if draw < 0.36:
        return text.upper()
    return text[0].upper() + text[1:]
