"""Every REST protocol against the predictor itself."""

import pytest

from loadtest.config import Protocol
from loadtest.record import FinishReason, Outcome
from tests.loadtest.net.driving import a_prompt, ask, session
from tests.predictor.server.conftest import Predictor

REST = [protocol for protocol in Protocol if not protocol.is_grpc]
WITH_TEMPLATE = [protocol for protocol in REST if "completions" not in protocol]


@pytest.mark.parametrize("protocol", WITH_TEMPLATE)
def test_the_predictor_answers_right(protocol: Protocol, predictor: Predictor) -> None:
    exchange = ask(predictor.url, protocol=protocol)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert "".join(exchange.texts) == "42"
    assert exchange.finish_reason is FinishReason.STOP
    usage = exchange.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (11, 41, 36)


@pytest.mark.parametrize(
    "protocol", [Protocol.OPENAI_COMPLETIONS, Protocol.OPENAI_COMPLETIONS_STREAM]
)
def test_completions_are_of_the_raw_text(protocol: Protocol, predictor: Predictor) -> None:
    exchange = ask(predictor.url, a_prompt(ignore_eos=True, max_tokens=9), protocol=protocol)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert exchange.finish_reason is FinishReason.LENGTH
    assert (exchange.usage.prompt_tokens, exchange.usage.completion_tokens) == (6, 9)


@pytest.mark.parametrize("protocol", WITH_TEMPLATE)
def test_times_of_an_exchange_are_in_order(protocol: Protocol, predictor: Predictor) -> None:
    exchange = ask(predictor.url, protocol=protocol)
    times = [
        exchange.started,
        exchange.sent,
        exchange.first_byte,
        exchange.first_chunk,
        exchange.last_chunk,
        exchange.finished,
    ]
    assert times == sorted(times)
    assert exchange.sent - exchange.started > exchange.connect > 0


def test_a_streams_gaps_add_up_to_the_time_between_its_first_and_last_chunk(
    predictor: Predictor,
) -> None:
    exchange = ask(predictor.url)
    assert exchange.num_chunks == len(exchange.gaps) + 1 > 10
    assert sum(exchange.gaps) == exchange.last_chunk - exchange.first_chunk


def test_a_refusal_of_the_predictor_is_in_its_words(predictor: Predictor) -> None:
    exchange = ask(predictor.url, a_prompt(temperature=7))
    assert exchange.outcome is Outcome.REFUSED
    assert exchange.detail.startswith("HTTP 400: temperature is 7, must be")


def test_a_connection_to_the_predictor_is_used_again(predictor: Predictor) -> None:
    with session(predictor.url) as opened:
        first, second = opened.ask(a_prompt()), opened.ask(a_prompt())
    assert (first.is_reused, second.is_reused) == (False, True)
    assert second.connect == 0
    assert opened.client.num_opened == 1
