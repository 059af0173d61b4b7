"""Text of an asked length from common words: of so many tokens where a tokenizer is given."""

import random
from collections.abc import Sequence
from typing import Final

from loadtest.errors import UsageError
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.draws import Stream, rng_of

# Of one token each, alone and behind a space, in the vocabularies of most models.
WORDS: Final = """
a about above after again air all along also always an and animal another answer any are around as
ask at away back be because been before began being below best better between big body book both box
boy bring brought build but by call came can car carry change children city clear close cold color
come country course cut day did different do does done door down draw during each early earth east
eat end enough even ever every eye face family far farm fast father feel feet few field find fire
first fish five fly follow food for form found four free friend from full game gave get girl give go
good got great green ground group grow had half hand hard has have he head hear heart heat help her
here high him his hold home horse hot hour house how idea if important in into is it just keep kind
king knew know land language large last late laugh learn leave left less letter life light like line
list listen little live long look love low made make man many map mark may me mean men might mind
money moon more morning most mother mountain move much music must my name near need never new next
night no north not note nothing now number of off often old on once one only open or order other our
out over own page paper part pass people person picture place plan plant play point power press
problem public pull put question quick rain ran read ready real red rest river road rock room round
rule run said same saw say school science sea second see seem self sentence set she ship short
should show side simple since sing size sleep slow small snow so some song soon sound south space
special stand star start state stay step still stop story street strong study such sun sure table
take talk tell ten than that the their them then there these they thing think this those thought
three through time to together told too took top toward town travel tree true try turn two under
unit until up us use usual very voice wait walk want war warm was watch water way we week well went
were west what wheel when where which while white who whole why will wind with wonder wood word work
world would write year you young your please compute calculate solve sum product
"""
# Fewer words would make texts alike.
MIN_VOCABULARY: Final = 8
MAX_CORRECTIONS: Final = 64
SPREADING_PRIME: Final = 2**61 - 1


class Words:
    """Writes texts of exactly ``length`` tokens, encoded without special tokens, or else words.

    With a tokenizer only words of one token each are used. Where its tokens may span words too, as
    those of a few SentencePiece models do, each text is counted, and words are appended or dropped
    until the count is right; should MAX_CORRECTIONS of these not reach it, the text stays off by
    what the local count in its record says. Raises UsageError for a tokenizer with too few words.
    """

    def __init__(self, seed: int, tokenizer: LocalTokenizer | None = None) -> None:
        words = WORDS.split()
        if tokenizer is not None:
            words = _of_one_token(words, tokenizer)
        # In another order for each seed: the first words spell the serial number.
        rng_of(seed, Stream.VOCABULARY).shuffle(words)
        self._words = words
        self._counting = None if tokenizer is None or tokenizer.splits(words) else tokenizer
        self.num_words = len(words)
        # Whether lengths are tokens, not words.
        self.counts_tokens = tokenizer is not None

    def write(self, rng: random.Random, length: int, serial: int) -> str:
        """Return a text that no other ``serial`` gives; about 15 us for 128 words.

        Texts differ from their beginning on, where they are long enough to: two of n words are
        alike if their serials are alike modulo ``num_words**n``.
        """
        chosen = self._spell(serial, length)
        chosen += rng.choices(self._words, k=length - len(chosen))
        return " ".join(chosen)

    def fit(self, rng: random.Random, text: str, length: int) -> str:
        """Return the text with its end corrected to ``length`` tokens where it may be off.

        A count takes about 1 us a token.
        """
        if self._counting is None:
            return text
        for _ in range(MAX_CORRECTIONS):
            missing = length - self._counting.count(text)
            if missing == 0:
                break
            if missing > 0:
                text = " ".join([text, *rng.choices(self._words, k=missing)])
            else:
                text = " ".join(text.split(" ")[:missing] or [rng.choice(self._words)])
        return text

    def _spell(self, serial: int, length: int) -> list[str]:
        """Return the serial's digits to the base of the words, the lowest first.

        Multiplied by a prime, which is one to one modulo any power of the base, so that neighbours
        differ in more than a word.
        """
        base = len(self._words)
        number = (serial + 1) * SPREADING_PRIME
        digits = []
        for _ in range(min(length, _num_digits(base))):
            number, digit = divmod(number, base)
            digits.append(self._words[digit])
        return digits


def _num_digits(base: int) -> int:
    """Return how many digits spell any number of 63 bits."""
    num_digits = 1
    while base**num_digits < 2**63:
        num_digits += 1
    return num_digits


def _of_one_token(words: Sequence[str], tokenizer: LocalTokenizer) -> list[str]:
    # By token, for all words that a vocabulary lacks may be one.
    by_token = {tuple(tokenizer.encode(word)): word for word in words}
    # The first has no space before it.
    found = [word for word in by_token.values() if tokenizer.count(f"{word} {word} {word}") == 3]
    if len(found) < MIN_VOCABULARY:
        raise UsageError(
            f"tokenizer {tokenizer.path} has {len(found)} of the {len(words)} words of synthetic "
            f"prompts as one token, must have at least {MIN_VOCABULARY} for exact lengths"
        )
    return found
