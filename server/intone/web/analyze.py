"""``POST /v1/analyze``: a sound file in, what the stream would have answered out."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import threading
import time
from collections.abc import AsyncIterator
from textwrap import shorten
from threading import Event as Flag
from typing import cast

import aiohttp
from aiohttp import web
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_TRANSFER_ENCODING
from aiohttp.http_exceptions import HttpProcessingError

from intone.audio_files import LARGE_BLOCK_MS, AudioFile, open_audio
from intone.errors import (
    AudioTooLong,
    BadRequest,
    IdleTimeout,
    InvalidAudioFile,
    MessageTooLarge,
    RecogniserFailed,
    ShuttingDown,
)
from intone.models import Model
from intone.session import Session
from intone.settings import ServerSettings
from intone.types import AudioFormat, Event, UtteranceDiscarded, UtteranceResult
from intone.web import auth, translate, wire
from intone.web.form_body import FormBody
from intone.web.keys import SERVER
from intone.web.responses import json_response

log = logging.getLogger(__name__)

FILE_FIELD = "file"
"""Name of the form field that holds the file, in a multipart upload."""

UPLOAD = "upload"
"""In metrics, where a session's protocol stands."""

_CHUNK_BYTES = 1 << 16
_SLOWEST_BYTES_PER_S = 4_000
"""Of an upload, once it has had its time to begin: half of what telephone speech takes live. Who
trickles holds one of a few places."""

_WHY_CHARS = 200

_ENCODINGS = frozenset({"identity", "gzip", "deflate", "br", "zstd"})
"""The last two are aiohttp's, where what unpacks them is installed; else it refuses them itself."""

_UNREADABLE = (
    ValueError,
    AssertionError,
    RuntimeError,
    ConnectionError,
    aiohttp.ClientError,
    web.RequestPayloadError,
    HttpProcessingError,
)
"""What aiohttp raises of a form, a header in it, a content encoding or a cut connection."""


_HEARING = threading.Lock()
"""Held while an upload is heard: several threads at once would wait for the interpreter before the
event loop does, and all live sessions with it; and none of them is quicker for it."""


async def analyze(request: web.Request) -> web.Response:
    """Analyse the body, or the form's file; ``?model=`` chooses the model."""
    server = request.app[SERVER]
    token_name = auth.check(request, server.settings)
    _check_encoding(request)
    with server.upload_place():
        model = server.store[request.query.get("model", server.default_model)]
        content = await server.unless_stopping(_read(request, server.settings))
        analysis, events = await asyncio.get_running_loop().run_in_executor(
            server.uploads, analysis_of, content, model, server.settings, server.is_stopping
        )
    server.metrics.audio_received.labels(UPLOAD).inc(analysis.duration_ms / 1_000)
    for event in events:
        server.metrics.event(event)
    log.info(
        "upload analysed",
        extra={
            "audio_ms": analysis.duration_ms,
            "model": analysis.model.name,
            "utterances": len(analysis.utterances),
            "discarded": len(analysis.discarded),
        }
        | auth.as_logged(token_name),
    )
    return json_response(analysis)


def analysis_of(
    content: io.BytesIO, model: Model, settings: ServerSettings, is_stopping: Flag
) -> tuple[wire.Analysis, list[Event]]:
    """Run a sound file through the embedding call; return the answer, and what it is made of.

    Raises :class:`InvalidAudioFile`, :class:`UnsupportedAudio`, :class:`AudioTooLong`,
    :class:`RecogniserFailed`, and :class:`ShuttingDown` once ``is_stopping`` is set.
    """
    longest_s = settings.limits.max_upload_s
    with open_audio(content, longest_s=longest_s) as file:
        session = Session(file.audio, model=model, interim_ms=0, endpointer=settings.endpointer)
        _check_length(file.duration_s or 0.0, longest_s)
        try:
            events, heard_bytes = _hear(file, session, longest_s, is_stopping)
        except RecogniserFailed as error:
            log.exception("model %s failed on an upload", model.card.name)
            # As the stream tells it: what the model raised is for the log.
            raise RecogniserFailed(f"the model {model.card.name} failed") from error
    analysis = wire.Analysis(
        audio=translate.audio(file.audio),
        duration_ms=heard_bytes * 1_000 // file.audio.bytes_per_second,
        model=translate.model(model),
        utterances=[translate.result(e) for e in events if isinstance(e, UtteranceResult)],
        discarded=[translate.discarded(e) for e in events if isinstance(e, UtteranceDiscarded)],
    )
    return analysis, events


def _hear(
    file: AudioFile, session: Session, max_upload_s: float, is_stopping: Flag
) -> tuple[list[Event], int]:
    events: list[Event] = []
    heard_bytes = 0
    for block in file.blocks(LARGE_BLOCK_MS):
        if is_stopping.is_set():
            raise ShuttingDown("the server is stopping")
        heard_bytes += len(block)
        # The header may have lied, or not have known.
        _check_length(_duration_s(heard_bytes, file.audio), max_upload_s)
        with _HEARING:
            events += session.feed(block)
    with _HEARING:
        return events + session.finish(), heard_bytes


def _duration_s(audio_bytes: int, audio: AudioFormat) -> float:
    return audio_bytes / audio.bytes_per_second


def _check_length(duration_s: float, max_upload_s: float) -> None:
    if duration_s > max_upload_s:
        raise AudioTooLong(
            f"an upload may last {max_upload_s:g} s, this one lasts at least {duration_s:.1f} s"
        )


async def _read(request: web.Request, settings: ServerSettings) -> io.BytesIO:
    """Return the uploaded file; it stays in memory, audio is not written to disk.

    As what it was read into: a copy of 200 MB would take a fifth of a second of everybody's.
    """
    limit_bytes = settings.limits.max_upload_bytes
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes)
    content = io.BytesIO()
    fast_enough_until_s = time.monotonic() + settings.limits.idle_timeout_s
    chunks = _form_chunks(request) if _is_form(request) else _body_chunks(request)
    try:
        while chunk := await asyncio.wait_for(anext(chunks, b""), settings.limits.idle_timeout_s):
            content.write(chunk)
            if content.tell() > limit_bytes:
                raise _too_large(limit_bytes)
            fast_enough_until_s += len(chunk) / _SLOWEST_BYTES_PER_S
            if time.monotonic() > fast_enough_until_s:
                raise IdleTimeout("the upload comes too slowly")
    except asyncio.TimeoutError:
        raise IdleTimeout("the upload does not go on") from None
    except _UNREADABLE as error:
        # Some of them quote a whole line of the form, and have a line of their own for it.
        why = shorten(str(error), _WHY_CHARS)
        raise BadRequest(f"the upload cannot be read: {why}") from error
    if not content.tell():
        raise InvalidAudioFile("the upload is empty")
    content.seek(0)
    return content


def _check_encoding(request: web.Request) -> None:
    """Refuse what would be taken as it is, packed: aiohttp does not look at others' names."""
    encoding = request.headers.get(CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in _ENCODINGS:
        name = shorten(encoding, _WHY_CHARS)
        raise BadRequest(f"Content-Encoding may be gzip or deflate, not {name!r}")


def _too_large(limit_bytes: int) -> MessageTooLarge:
    return MessageTooLarge(f"an upload may have {limit_bytes} bytes")


def _is_form(request: web.Request) -> bool:
    return request.content_type.startswith("multipart/")


async def _body_chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
        yield chunk


async def _form_chunks(request: web.Request) -> AsyncIterator[bytes]:
    body = FormBody(request.content)
    async for part in aiohttp.MultipartReader(request.headers, cast("aiohttp.StreamReader", body)):
        if isinstance(part, aiohttp.BodyPartReader) and part.name == FILE_FIELD:
            body.begin_file()
            is_base64 = part.headers.get(CONTENT_TRANSFER_ENCODING, "").lower() == "base64"
            while chunk := await part.read_chunk(_CHUNK_BYTES):
                content = _from_base64(chunk) if is_base64 else chunk
                if content:
                    yield content
            return
    raise BadRequest(f"the form has no field {FILE_FIELD!r}")


def _from_base64(chunk: bytes) -> bytes:
    """Decode whole quartets and the line ends between them; :class:`ValueError` for others."""
    return base64.b64decode(chunk.translate(None, b"\r\n"), validate=True)
