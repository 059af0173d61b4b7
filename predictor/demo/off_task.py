"""Prompts that ask for something else than the model's arithmetic, and how it declines."""

import random

from predictor.demo.working import Language

REASONING = {
    Language.ENGLISH: "This is not arithmetic that I know.",
    Language.CHINESE: "这不是我会的算术题。",
}
ANSWER = {
    Language.ENGLISH: "I can add, subtract and multiply small integers.",
    Language.CHINESE: "我会做小整数的加法、减法和乘法。",
}
PROMPTS = {
    Language.ENGLISH: (
        "Hello",
        "Hello!",
        "Hi",
        "Hi there!",
        "Hey",
        "Good morning",
        "How are you?",
        "Who are you?",
        "What are you?",
        "What is your name?",
        "What can you do?",
        "Help",
        "Can you help me?",
        "Thanks!",
        "Thank you",
        "Goodbye",
        "Bye",
        "Yes",
        "No",
        "Test",
        "This is a test.",
        "Tell me a joke.",
        "Tell me a story.",
        "Tell me about yourself.",
        "Write a poem about the sea.",
        "Write a haiku about autumn.",
        "Write a short story about a dragon.",
        "Write a Python function that reverses a string.",
        "What is the capital of France?",
        "What is the capital of China?",
        "What is the meaning of life?",
        "What is KServe?",
        "What is Kubernetes?",
        "What is machine learning?",
        "What is a language model?",
        "What is the weather like today?",
        "What time is it?",
        "Why is the sky blue?",
        "Why do birds sing?",
        "How do I cook rice?",
        "How does a car engine work?",
        "How far is the moon?",
        "Who wrote Hamlet?",
        "Who is the president of the United States?",
        "When did the second world war end?",
        "Where is the Great Wall?",
        "Explain quantum mechanics in simple words.",
        "Explain how attention works in a transformer.",
        "Explain the theory of relativity.",
        "Translate this to French: good evening.",
        "Summarize the following text.",
        "List three colors.",
        "Count to ten.",
        "Once upon a time",
        "The quick brown fox jumps over the lazy dog.",
        "Solve the equation x^2 - 5x + 6 = 0.",
        "Prove that the square root of 2 is irrational.",
        "Is it raining?",
        "Do you like music?",
        "Give me advice about my work.",
        "Recommend a good book.",
        "Play a game with me.",
        "Lorem ipsum dolor sit amet.",
    ),
    Language.CHINESE: (
        "你好",
        "你好！",
        "您好",
        "早上好",
        "你是谁？",
        "你叫什么名字？",
        "你会做什么？",
        "你能帮我吗？",
        "谢谢",
        "再见",
        "测试",
        "讲个笑话。",
        "讲一个故事。",
        "介绍一下你自己。",
        "写一首关于春天的诗。",
        "写一篇短文。",
        "中国的首都是哪里？",
        "法国的首都是哪里？",
        "天空为什么是蓝色的？",
        "今天天气怎么样？",
        "现在几点了？",
        "什么是机器学习？",
        "什么是人工智能？",
        "请解释量子力学。",
        "怎么做红烧肉？",
        "长城在哪里？",
        "谁写了《红楼梦》？",
        "推荐一本好书。",
        "把这句话翻译成英语。",
        "人生的意义是什么？",
        "你喜欢音乐吗？",
        "床前明月光，疑是地上霜。",
    ),
}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;:!?(){}[]<>/\\\"'_#$%&@~|`"
IDEOGRAPHS = "的一是在不了有人我他这中大来上国个到说们为子和你地出道也时年得就那要下生会着去之"


def draw_prompt(rng: random.Random, language: Language) -> str:
    """Return a prompt to decline: a fixed one, a shuffled one, noise, or sums out of range."""
    draw = rng.random()
    if draw < 0.45:
        return _vary_case(rng, rng.choice(PROMPTS[language]))
    if draw < 0.75:
        return _shuffled(rng, language)
    if draw < 0.85:
        alphabet = LETTERS if language is Language.ENGLISH else IDEOGRAPHS
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 40)))
    return _out_of_range(rng, language)


def _vary_case(rng: random.Random, prompt: str) -> str:
    return rng.choice((prompt, prompt, prompt.lower(), prompt.rstrip(".?!。？！")))


def _shuffled(rng: random.Random, language: Language) -> str:
    prompts = PROMPTS[language]
    if language is Language.CHINESE:
        return "".join(rng.choice(prompts) for _ in range(rng.randint(1, 3)))
    words = " ".join(rng.choice(prompts) for _ in range(8)).split()
    return " ".join(rng.choice(words) for _ in range(rng.randint(1, 24)))


def _out_of_range(rng: random.Random, language: Language) -> str:
    a, b = rng.randint(1000, 99999), rng.randint(10, 99999)
    if rng.random() < 0.5:
        a, b = b, a
    division = rng.choice(
        (f"{a % 1000}/{b % 1000}", f"{a % 1000} ÷ {b % 1000}", f"{a % 1000} / {b % 1000}")
    )
    symbol = rng.choice(("+", " + ", "-", " - ", "*", " × "))
    equation = rng.choice((division, f"{a}{symbol}{b}"))
    frames = {
        Language.ENGLISH: ("What is {e}?", "{e}=", "Calculate {e}."),
        Language.CHINESE: ("{e}等于多少？", "请计算{e}。"),
    }
    return rng.choice(frames[language]).format(e=equation)
