"""The pipeline as it is commonly published, served: whole-utterance MFCCs, then a Keras LSTM.

``python -m intone_bench.peers.published predict|function``. An aiohttp WebSocket that speaks
enough of ``intone.v1`` for the same generator to drive it. The same voice activity and
endpointer cut the utterances; each is handed whole to librosa and the network, in an executor.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import keras
import librosa
import numpy as np
import tensorflow as tf
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from intone.core.decode import FULL_SCALE
from intone.core.endpointer import Endpointer, Opened
from intone.core.framing import FRAME_SAMPLES
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ, FloatArray, to_ms
from intone.web import codec, wire

_COEFFICIENTS, _UNITS = 40, 256
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_GENDERS = ("female", "male")

Answer = Callable[[FloatArray], FloatArray]
"""float32 samples (n,) to the probabilities of the emotions."""

ANSWER = web.AppKey("ANSWER", object)
EXECUTOR = web.AppKey("EXECUTOR", ThreadPoolExecutor)


def make_answer(way: str) -> Answer:
    """Return the pipeline: by ``model.predict``, or by one traced function."""
    model = keras.Sequential(
        [
            keras.Input((None, _COEFFICIENTS)),
            keras.layers.LSTM(_UNITS),
            keras.layers.Dense(len(_EMOTIONS), activation="softmax"),
        ]
    )
    signature = [tf.TensorSpec((1, None, _COEFFICIENTS), tf.float32)]
    traced = tf.function(lambda features: model(features, training=False), signature)

    def answer(samples: FloatArray) -> FloatArray:
        features = librosa.feature.mfcc(y=samples, sr=SAMPLE_RATE_HZ, n_mfcc=_COEFFICIENTS).T[None]
        if way == "predict":
            return np.asarray(model.predict(features, verbose=0)[0])
        return np.asarray(traced(features.astype(np.float32))[0])

    # Imports and traces of a first call are not charged to the audio.
    for seconds in (1, 2, 3):
        answer(np.zeros(seconds * SAMPLE_RATE_HZ, np.float32))
    return answer


class Ears:
    """Bytes of one session to whole utterances. A message holds whole frames of 20 ms."""

    def __init__(self) -> None:
        settings = EndpointerSettings()
        self._detector = webrtc(settings)
        self._endpointer = Endpointer(settings)
        self._frames: list[NDArray[np.int16]] = []
        self._start_frame = 0

    def hear(self, data: bytes) -> list[tuple[int, int, FloatArray]]:
        """Return start and end sample, and audio, of each utterance that ends in ``data``."""
        ended = []
        frames = np.frombuffer(data, "<i2").reshape(-1, FRAME_SAMPLES)
        self._frames.extend(frames)
        decisions = self._detector.detect(frames)
        while decisions:
            taken, transitions = self._endpointer.push(decisions)
            decisions = decisions[taken:]
            for transition in transitions:
                if isinstance(transition, Opened):
                    self._start_frame = transition.start_frame
                else:
                    ended.append(self._end(transition.end_frame))
        return ended

    def _end(self, end_frame: int) -> tuple[int, int, FloatArray]:
        sound = np.concatenate(self._frames[self._start_frame : end_frame])
        samples = sound.astype(np.float32) / np.float32(FULL_SCALE)
        return self._start_frame * FRAME_SAMPLES, end_frame * FRAME_SAMPLES, samples


async def _stream(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    await socket.send_str(codec.encode(_created()))
    ears, count = Ears(), 0
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            for start, end, samples in ears.hear(message.data):
                count += 1
                await _answer(request.app, socket, count, (start, end, samples))
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(codec.encode(_closed(count)))
            await socket.close()
    return socket


async def _answer(
    app: web.Application,
    socket: web.WebSocketResponse,
    number: int,
    utterance: tuple[int, int, FloatArray],
) -> None:
    start, end, samples = utterance
    answer: Answer = app[ANSWER]  # type: ignore[assignment]
    span = {"utterance_id": number, "channel": 0, "start_ms": to_ms(start)}
    await socket.send_str(codec.encode(wire.Started(**span)))
    loop = asyncio.get_running_loop()
    scores = await loop.run_in_executor(app[EXECUTOR], answer, samples)
    emotion = _worded(dict(zip(_EMOTIONS, map(float, scores), strict=True)))
    gender = _worded(dict.fromkeys(_GENDERS, 0.5))
    result = wire.Result(
        **span,
        end_ms=to_ms(end),
        emotion=emotion,
        gender=gender,
        reason="silence",
        model="published",
    )
    await socket.send_str(codec.encode(result))


def _worded(scores: dict[str, float]) -> wire.Answer:
    label = max(scores, key=lambda name: scores[name])
    return wire.Answer(label=label, confidence=scores[label], scores=scores)


def _created() -> wire.SessionCreated:
    unlimited = wire.Limits(
        max_frame_ms=10_000,
        max_message_bytes=1 << 20,
        max_rate=20.0,
        max_rate_burst_s=30.0,
        max_session_s=3_600.0,
        idle_timeout_s=60.0,
    )
    return wire.SessionCreated(
        protocol=wire.PROTOCOL,
        session_id="peer",
        audio=wire.Audio(encoding="s16le", sample_rate_hz=SAMPLE_RATE_HZ, channels=1),
        model=wire.Model(
            name="published", sha256="", emotions=_EMOTIONS, genders=_GENDERS, interims=False
        ),
        interim_ms=0,
        limits=unlimited,
    )


def _closed(count: int) -> wire.SessionClosed:
    return wire.SessionClosed(
        reason="client",
        received=wire.Received(audio_ms=0, bytes=0),
        produced=wire.Produced(utterances=count, interims=0, discarded=0),
    )


async def _ready(_: web.Request) -> web.Response:
    return web.Response()


async def _serve(answer: Answer) -> None:
    app = web.Application()
    app[ANSWER] = answer
    app[EXECUTOR] = ThreadPoolExecutor(1)
    app.router.add_get("/v1/stream", _stream)
    app.router.add_get("/readyz", _ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"listens on http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # On the loop that intone runs on, where it is there.
    with suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(make_answer(sys.argv[1])))
