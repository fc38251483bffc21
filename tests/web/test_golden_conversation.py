"""A conversation as the server holds it, kept in a file that the browser client reads too."""

import json

import pytest
import talk

from intone.web import codec, wire

MEASURED = {"session_id", "latency_ms", "sha256", "confidence", "label", "scores"}
"""What differs from run to run, or from model to model; its shape is checked instead."""


@pytest.fixture
def golden(repo_root):
    return repo_root / "tests" / "golden" / "conversation.jsonl"


def masked(value):
    """The message without what is measured."""
    if isinstance(value, dict):
        return {k: "…" if k in MEASURED else masked(v) for k, v in value.items()}
    return [masked(one) for one in value] if isinstance(value, list) else value


async def test_the_server_holds_the_golden_conversation(patient_server, two_utterances_wav, golden):
    """To write it anew, delete the file and run this."""
    said = await talk.hear(
        patient_server.url, talk.pcm_of(two_utterances_wav), query="?interim_ms=1000"
    )
    if not golden.exists():
        lines = [json.dumps(message, ensure_ascii=False) + "\n" for message in said]
        golden.write_text("".join(lines), encoding="utf-8")
        pytest.fail(f"{golden.name} has been written: look at it")
    kept = [json.loads(line) for line in golden.read_text(encoding="utf-8").splitlines()]
    assert [masked(message) for message in said] == [masked(message) for message in kept]


def test_the_golden_conversation_is_of_the_wires_types(golden):
    kept = golden.read_text(encoding="utf-8").splitlines()
    decoded = [codec.decode_server(line) for line in kept]
    assert [json.loads(codec.encode(message)) for message in decoded] == list(map(json.loads, kept))
    results = [message for message in decoded if isinstance(message, wire.Result)]
    assert len(results) == 2
    for result in results:
        assert sum(result.emotion.scores.values()) == pytest.approx(1, abs=0.001)
