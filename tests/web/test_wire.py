"""Every message there and back, the committed schema, and the words for it in the docs."""

import json

import msgspec
import pytest

from intone import errors
from intone.types import DiscardReason, EndReason
from intone.web import codec, schema, typescript, wire

ANSWER = wire.Answer(label="sad", confidence=0.5, scores={"sad": 0.5, "calm": 0.5})
AUDIO = wire.Audio(encoding="s16le", sample_rate_hz=16_000, channels=1)
MODEL = wire.Model(
    name="gru", sha256="0" * 64, emotions=("sad", "calm"), genders=("female", "male")
)
SPAN = {"utterance_id": 1, "channel": 0, "start_ms": 100}
EXAMPLES = [
    wire.Auth(token="t"),
    wire.SessionUpdate(audio=wire.AudioUpdate(channels=2), model="gru", interim_ms=0),
    wire.SessionUpdate(source=wire.Source(sample_rate_hz=48_000, echo_cancellation=True)),
    wire.SessionUpdate(),
    wire.Flush(),
    wire.Ping(marker="m"),
    wire.SessionClose(),
    wire.SessionCreated(
        protocol="intone.v1",
        session_id="1",
        audio=AUDIO,
        model=MODEL,
        interim_ms=500,
        limits=wire.Limits(
            max_frame_ms=1,
            max_message_bytes=2,
            max_rate=3.0,
            max_rate_burst_s=4.0,
            max_session_s=5.0,
            idle_timeout_s=6.0,
        ),
    ),
    wire.SessionUpdated(audio=AUDIO, model=MODEL, interim_ms=500),
    wire.Started(**SPAN, continues=7),
    wire.Started(**SPAN),
    wire.Interim(**SPAN, end_ms=200, emotion=ANSWER, gender=ANSWER),
    wire.Result(
        **SPAN, end_ms=200, emotion=ANSWER, gender=ANSWER, reason="silence", model="gru",
        latency_ms=1.5,
    ),
    wire.Discarded(**SPAN, end_ms=200, reason="too_short"),
    wire.Pong(marker="m", received_ms=1, lag_ms=0),
    wire.Error(code="overloaded", message="no room", retryable=True),
    wire.SessionClosed(
        reason="client",
        received=wire.Received(audio_ms=1, bytes=32),
        produced=wire.Produced(utterances=1, interims=2, discarded=3),
    ),
]  # fmt: skip


def structs():
    """Every struct of the wire module."""
    return {
        name: kind
        for name, kind in vars(wire).items()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind is not msgspec.Struct
    }


def test_every_message_has_an_example():
    kinds = {type(example) for example in EXAMPLES}
    assert kinds == {*wire.CLIENT_TYPES.values(), *wire.SERVER_TYPES.values()}
    tagged = {kind for kind in structs().values() if kind.__struct_config__.tag}
    assert kinds == tagged


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_a_message_survives_the_round_trip(message):
    text = codec.encode(message)
    is_client = type(message) in wire.CLIENT_TYPES.values()
    assert (codec.decode_client if is_client else codec.decode_server)(text) == message
    table = wire.CLIENT_TYPES if is_client else wire.SERVER_TYPES
    assert table[json.loads(text)["type"]] is type(message)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_unknown_fields_are_ignored(message):
    text = codec.encode(message)
    more = json.dumps({**json.loads(text), "novelty": [1]})
    is_client = type(message) in wire.CLIENT_TYPES.values()
    assert (codec.decode_client if is_client else codec.decode_server)(more) == message


def test_a_client_ignores_types_it_does_not_know():
    assert codec.decode_server('{"type":"utterance.sung","utterance_id":1}') is None
    with pytest.raises(errors.InvalidMessage):
        codec.decode_server('{"type":"utterance.started"}')
    with pytest.raises(errors.InvalidMessage):
        codec.decode_server("[]")


def test_what_may_be_left_out_is_left_out():
    assert "continues" not in json.loads(codec.encode(wire.Started(**SPAN)))
    assert json.loads(codec.encode(wire.SessionUpdate())) == {"type": "session.update"}


def test_the_committed_schema_is_the_wires(repo_root):
    committed = (repo_root / "docs" / "intone.v1.schema.json").read_bytes()
    assert committed == schema.render(), (
        "run: python -m intone.web.schema docs/intone.v1.schema.json"
    )


def test_the_browser_clients_types_are_the_wires(repo_root):
    committed = (repo_root / "client_js" / "events.d.ts").read_text(encoding="utf-8")
    assert committed == typescript.render(), (
        "run: python -m intone.web.typescript client_js/events.d.ts"
    )


def test_the_schema_has_every_struct():
    assert structs().keys() <= schema.schema()["$defs"].keys()


# --- docs/protocol.md ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def protocol_text(repo_root):
    return (repo_root / "docs" / "protocol.md").read_text(encoding="utf-8")


def all_errors(kind=errors.IntoneError):
    return [kind] + [leaf for child in kind.__subclasses__() for leaf in all_errors(child)]


def test_the_protocol_page_has_every_message_and_field(protocol_text):
    for kind_name, kind in {**wire.CLIENT_TYPES, **wire.SERVER_TYPES}.items():
        section = section_of(protocol_text, kind_name)
        for field in msgspec.structs.fields(kind):
            assert f"`{field.encode_name}" in section, (kind_name, field.encode_name)
    for kind in structs().values():
        for field in msgspec.structs.fields(kind):
            assert field.encode_name in protocol_text, (kind, field.encode_name)


def section_of(text, kind_name):
    """The part under the heading that names the message."""
    start = text.index(f"### `{kind_name}`")
    return text[start : text.find("\n#", start + 1)]


def test_the_protocol_page_has_every_error_with_its_numbers(protocol_text):
    rows = [line for line in protocol_text.splitlines() if line.startswith("| `")]
    for kind in all_errors():
        row = next(row for row in rows if row.startswith(f"| `{kind.code}` "))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == str(kind.http_status), row
        assert cells[2] == ("-" if kind.close_code is None else str(kind.close_code)), row
        assert cells[3] == ("yes" if kind.retryable else "no"), row


def test_the_protocol_page_has_every_reason(protocol_text):
    for reason in (*EndReason, *DiscardReason):
        assert f"`{reason.value}`" in protocol_text
