"""Errors by their code, and messages to events."""

from __future__ import annotations

import pytest

from intone.client.events import ServerError, SessionClosed
from intone.client.messages import decode, decode_refusal
from intone.errors import IntoneError, InvalidMessage, Overloaded, RateLimited, UnknownModel
from intone.types import DiscardReason, UtteranceDiscarded, UtteranceStarted


@pytest.mark.parametrize(
    ("code", "kind", "is_fatal"),
    [
        ("unknown_model", UnknownModel, False),
        ("rate_limited", RateLimited, True),
        ("invalid_message", InvalidMessage, False),
        ("internal_error", IntoneError, True),
        ("from_the_future", IntoneError, False),
    ],
)
def test_a_code_names_the_class_of_the_error(code, kind, is_fatal):
    error = ServerError(code, "a sentence", retryable=False)
    assert type(error.as_exception()) is kind
    assert str(error.as_exception()) == "a sentence"
    assert error.is_fatal is is_fatal


def test_messages_become_the_types_events():
    text = '{"type":"utterance.started","utterance_id":2,"channel":1,"start_ms":40,"new":true}'
    assert decode(text) == UtteranceStarted(2, 1, 40, None)
    text = (
        '{"type":"utterance.discarded","utterance_id":2,"channel":1,"start_ms":40,"end_ms":90,'
        '"reason":"unvoiced"}'
    )
    assert decode(text) == UtteranceDiscarded(2, 1, 40, 90, DiscardReason.UNVOICED)
    text = (
        '{"type":"session.closed","reason":"client","received":{"audio_ms":5,"bytes":160},'
        '"produced":{"utterances":1,"interims":2,"discarded":3}}'
    )
    assert decode(text) == SessionClosed("client", 5, 160, 1, 2, 3)


def test_a_type_from_the_future_is_ignored():
    assert decode('{"type":"utterance.transcript","text":"hello"}') is None


UNKNOWN_REASON = (
    '{"type":"utterance.discarded","utterance_id":1,"channel":0,"start_ms":0,"end_ms":0,'
    '"reason":"nobody knows"}'
)


@pytest.mark.parametrize("text", ["hello", "[]", '{"type":"utterance.started"}', UNKNOWN_REASON])
def test_what_is_not_the_protocol_is_refused(text):
    with pytest.raises(InvalidMessage):
        decode(text)


def test_a_refusal_over_http_is_read_from_its_body():
    body = b'{"error":{"code":"overloaded","message":"full","retryable":true}}'
    error = decode_refusal(body)
    assert type(error) is Overloaded
    assert str(error) == "full"


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"{}", b"\xff"])
def test_a_proxy_s_refusal_is_not_ours(body):
    assert decode_refusal(body) is None
