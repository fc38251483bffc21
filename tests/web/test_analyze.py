"""Uploads: what the stream says of the same audio, and what is refused."""

import asyncio
import base64
import io
import itertools
import json
import threading
from types import SimpleNamespace

import aiohttp
import numpy as np
import pytest
import soundfile
import talk
from aiohttp.base_protocol import BaseProtocol
from small_recogniser import SmallModel

from intone.core.recogniser import StepOutput
from intone.errors import BadRequest, ShuttingDown
from intone.models import ModelStore
from intone.session import Session
from intone.settings import ServerSettings
from intone.types import SAMPLE_RATE_HZ
from intone.web import analyze
from intone.web.analyze import analysis_of
from intone.web.form_body import MOST_BEFORE_FILE_BYTES, FormBody


async def upload(url, content, query="", **options):
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/v1/analyze{query}", data=content, **options) as response,
    ):
        assert response.content_type == "application/json"
        return response.status, json.loads(await response.text())


async def refused(url, content, query="", **options):
    status, body = await upload(url, content, query, **options)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "retryable"}
    assert len(body["error"]["message"].splitlines()) == 1
    return status, body["error"]["code"]


def as_file(samples, rate_hz=SAMPLE_RATE_HZ, file_format="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=file_format, subtype=subtype)
    return file.getvalue()


async def assert_equals_stream(url, content, data, query=""):
    """An upload says just what the stream says of the same samples."""
    separator = "&" if query else "?"
    messages = await talk.hear(url, data, query=f"{query}{separator}interim_ms=0", piece=32_000)
    status, analysis = await upload(url, content)
    assert status == 200
    events = talk.utterance_events(messages)
    assert analysis["utterances"] == talk.of_type(events, "utterance.result")
    assert analysis["discarded"] == talk.of_type(events, "utterance.discarded")
    assert analysis["audio"] == messages[0]["audio"]
    assert analysis["model"] == messages[0]["model"]
    assert analysis["duration_ms"] == messages[-1]["received"]["audio_ms"]
    return analysis


async def test_an_upload_equals_the_stream(server, two_utterances_wav):
    data = talk.pcm_of(two_utterances_wav)
    analysis = await assert_equals_stream(server.url, two_utterances_wav.read_bytes(), data)
    assert len(analysis["utterances"]) == 2
    assert all("latency_ms" not in result for result in analysis["utterances"])


async def test_stereo_48_khz_24_bit_equals_the_stream(server, stereo_wav):
    samples, rate_hz = soundfile.read(stereo_wav, dtype="float32")
    assert (rate_hz, soundfile.info(stereo_wav).subtype) == (48_000, "PCM_24")
    analysis = await assert_equals_stream(
        server.url,
        stereo_wav.read_bytes(),
        samples.astype("<f4").tobytes(),
        "?encoding=f32le&sample_rate=48000&channels=2",
    )
    assert {result["channel"] for result in analysis["utterances"]} == {0, 1}


@pytest.mark.parametrize(("file_format", "subtype"), [("FLAC", None), ("WAV", "PCM_16")])
async def test_a_lossless_format_changes_nothing(server, male_wav, file_format, subtype):
    samples = soundfile.read(male_wav, dtype="int16")[0]
    content = as_file(samples, file_format=file_format, subtype=subtype)
    await assert_equals_stream(server.url, content, talk.pcm_of(male_wav))


async def test_ogg_is_read(server, male_wav):
    samples = soundfile.read(male_wav, dtype="float32")[0]
    status, analysis = await upload(server.url, as_file(samples, file_format="OGG"))
    assert status == 200
    assert len(analysis["utterances"]) == 1


async def test_an_odd_rate_is_resampled(server, male_wav):
    samples = soundfile.read(male_wav, dtype="float32")[0]
    status, analysis = await upload(server.url, as_file(np.repeat(samples, 6), 96_000))
    assert status == 200
    assert analysis["audio"]["sample_rate_hz"] == 96_000
    assert len(analysis["utterances"]) == 1


async def test_a_form_is_read_by_its_file_field(server, male_wav):
    form = aiohttp.FormData()
    form.add_field("note", "not the sound")
    form.add_field("file", male_wav.read_bytes(), filename="speech.wav")
    status, analysis = await upload(server.url, form)
    assert (status, len(analysis["utterances"])) == (200, 1)


def in_base64(encoded):
    """A form whose file is sent so, and the headers of the request."""
    about = b'Content-Disposition: form-data; name="file"; filename="speech.wav"'
    encoding = b"Content-Transfer-Encoding: BASE64"
    form = b"\r\n".join([b"--x", about, encoding, b"", encoded, b"--x--", b""])
    return form, {"Content-Type": "multipart/form-data; boundary=x"}


async def test_a_form_s_file_may_be_in_base64(server, two_utterances_wav):
    content = two_utterances_wav.read_bytes()
    form, headers = in_base64(base64.encodebytes(content).replace(b"\n", b"\r\n"))
    assert len(form) > 1 << 16  # More than is read at once.
    assert await upload(server.url, form, headers=headers) == await upload(server.url, content)


@pytest.mark.parametrize("encoded", [b"!!!!", b"UklGR"], ids=["other characters", "cut off"])
async def test_what_is_not_base64_is_refused(server, encoded):
    form, headers = in_base64(encoded)
    assert await refused(server.url, form, headers=headers) == (400, "bad_request")


async def test_a_form_without_a_file_is_refused(server):
    form = aiohttp.FormData()
    form.add_field("sound", b"x", filename="sound.wav")
    assert await refused(server.url, form) == (400, "bad_request")


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
NESTED = b"".join(
    b"--%d\r\nContent-Type: multipart/x; boundary=%d\r\n\r\n" % (n, n + 1) for n in range(2_000)
)
CHARSET = b'--x\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n' + b"c" * 40


@pytest.mark.parametrize(
    ("form", "boundary"),
    [
        (b"--x\r\n\r\n\r\n" * 50_000, b"x"),
        (b"\n" * 300_000, b"x"),
        (CHARSET + b"\r\n--x--\r\n", b"x"),
        (NESTED, b"0"),
    ],
    ids=["empty parts", "empty lines", "a long name of a charset", "forms in forms"],
)
async def test_a_form_that_holds_much_and_no_file_is_refused(server, form, boundary):
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
    assert await refused(server.url, form, headers=headers) == (400, "bad_request")


def there(data: bytes) -> aiohttp.StreamReader:
    """All of a body that has come."""
    loop = asyncio.get_running_loop()
    body = aiohttp.StreamReader(BaseProtocol(loop), len(data), loop=loop)
    body.feed_data(data)
    body.feed_eof()
    return body


async def test_others_have_their_turn_while_a_form_is_read():
    """All of it is there: no read of it would wait."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    whole = there(b"--x\r\n\r\n\r\n" * 1_000 + b"--x--\r\n")
    counting = asyncio.ensure_future(count())
    parts = [part async for part in aiohttp.MultipartReader(FORM, FormBody(whole))]
    counting.cancel()
    assert len(parts) == 1_000
    assert turns > 50


async def test_what_comes_before_a_file_counts_and_the_file_does_not():
    whole = there(bytes(4 * MOST_BEFORE_FILE_BYTES))
    body = FormBody(whole)
    assert len(await body.read(MOST_BEFORE_FILE_BYTES)) == MOST_BEFORE_FILE_BYTES
    body.begin_file()
    assert len(await body.read(MOST_BEFORE_FILE_BYTES)) == MOST_BEFORE_FILE_BYTES
    with pytest.raises(BadRequest, match="before the form's file"):
        await FormBody(whole).read(MOST_BEFORE_FILE_BYTES + 1)


@pytest.mark.parametrize(
    "name", ['name="file"', "name=file", 'filename="a;b.wav"; name="file"', "name*=utf-8''file"]
)
async def test_a_field_s_name_is_found_however_it_is_written(server, male_wav, name):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    about = f"Content-Disposition: form-data; {name}".encode()
    form = b"\r\n".join([b"--x", about, b"", male_wav.read_bytes(), b"--x--", b""])
    assert await upload(server.url, form, headers=headers) == await upload(
        server.url, male_wav.read_bytes()
    )


@pytest.mark.parametrize(
    "about",
    [
        "form-data; name=fi le",
        'form-data; name="file',
        ";;;",
        "form-data",
        "",
        'form-data; name="f\xffle"',
    ],
)
async def test_a_form_whose_fields_have_no_readable_name_has_no_file(serve, about):
    """And no warning, which would quote it: here, in the same process, each were an error."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    header = b"Content-Disposition: " + about.encode("latin-1")
    form = b"\r\n".join([b"--x", header, b"", b"sound", b"--x--", b""])
    async with serve() as local:
        assert await refused(local.url, form, headers=headers) == (400, "bad_request")


async def test_a_broken_form_is_refused(server):
    headers = {"Content-Type": "multipart/form-data"}
    assert await refused(server.url, b"--x\r\n", headers=headers) == (400, "bad_request")
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert await refused(server.url, b"no boundary", headers=headers) == (400, "bad_request")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Disposition form-data",
        b'Content-Disposition: form-data; name="file"\0',
        b"X: " + b"x" * 10_000,
        b"\r\n".join([b"X: x"] * 200),
    ],
    ids=["no colon", "a zero byte", "too long", "too many"],
)
async def test_a_form_with_a_broken_header_is_refused(server, header):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    form = b"--x\r\n" + header + b"\r\n\r\nsound\r\n--x--\r\n"
    assert await refused(server.url, form, headers=headers) == (400, "bad_request")


@pytest.mark.parametrize("encoding", ["compress", "x-gzip", "gzip, gzip", "made-up"])
async def test_a_body_in_an_encoding_that_is_not_undone_is_refused(server, male_wav, encoding):
    headers = {"Content-Encoding": encoding}
    told = await refused(server.url, male_wav.read_bytes(), headers=headers)
    assert told == (400, "bad_request")


async def test_the_log_says_whose_upload_it_was(serve, male_wav, caplog):
    caplog.set_level("INFO", "intone")
    async with serve(tokens=("desk:alpha",)) as local:
        headers = {"Authorization": "Bearer alpha"}
        assert (await upload(local.url, male_wav.read_bytes(), headers=headers))[0] == 200
    (record,) = [r for r in caplog.records if r.message == "upload analysed"]
    assert record.token == "desk"
    assert "alpha" not in str(vars(record))


async def test_a_body_that_is_not_as_its_encoding_says_is_refused(server):
    headers = {"Content-Encoding": "gzip"}
    assert await refused(server.url, b"no gzip", headers=headers) == (400, "bad_request")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid_audio_file"),
        (b"this is not audio at all" * 100, 422, "invalid_audio_file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", 422, "invalid_audio_file"),
    ],
    ids=["empty", "text", "cut off in the header"],
)
async def test_what_is_not_audio_is_refused(server, female_wav, content, status, code):
    assert await refused(server.url, content) == (status, code)
    assert (await upload(server.url, female_wav.read_bytes()))[0] == 200


async def test_a_file_without_samples_is_refused(server):
    assert await refused(server.url, as_file(np.zeros(0, "i2"))) == (422, "invalid_audio_file")


async def test_more_than_two_channels_are_refused(server):
    content = as_file(np.zeros((16_000, 3), "i2"))
    assert await refused(server.url, content) == (400, "unsupported_audio")


async def test_an_unknown_model_is_refused(server, male_wav):
    answer = await refused(server.url, male_wav.read_bytes(), "?model=oracle")
    assert answer == (404, "unknown_model")


async def test_three_hours_are_refused_by_the_header(server):
    content = as_file(np.zeros(3 * 3_600 * 8_000, "i2"), 8_000, "FLAC")
    assert len(content) < 1_000_000
    assert await refused(server.url, content) == (413, "audio_too_long")


async def test_a_header_that_lies_does_not_help(serve, male_wav):
    """A FLAC that gives no length is counted as it is read."""
    content = bytearray(as_file(soundfile.read(male_wav, dtype="int16")[0], file_format="FLAC"))
    # STREAMINFO holds the number of samples in the low 36 bits of bytes 18 to 25.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    async with serve(limits={"max_upload_s": 1.0}) as local:
        assert await refused(local.url, bytes(content)) == (413, "audio_too_long")
    async with serve() as local:
        status, analysis = await upload(local.url, bytes(content))
        assert (status, len(analysis["utterances"])) == (200, 1)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_too_many_bytes_are_refused(serve, is_chunked):
    async def pieces():
        for _ in range(100):
            yield bytes(100_000)

    async with serve(limits={"max_upload_bytes": 1_000_000}) as local:
        content = pieces() if is_chunked else io.BytesIO(bytes(10_000_000))
        assert await refused(local.url, content) == (413, "message_too_large")


async def test_an_upload_that_stops_is_let_go(serve):
    async with serve(limits={"idle_timeout_s": 0.2}) as local:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.split(":")[-1]))
        writer.write(b"POST /v1/analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nRIFF")
        answer = await asyncio.wait_for(reader.readuntil(b"}}"), talk.DEADLINE_S)
        assert b" 408 " in answer
        assert b'"idle_timeout"' in answer
        writer.close()
        await writer.wait_closed()


async def test_one_upload_too_many_is_told_to_come_back(serve, female_wav):
    started = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly():
        content = female_wav.read_bytes()
        yield content[:1_000]
        started.set()
        await go_on.wait()
        yield content[1_000:]

    async with serve(limits={"max_uploads": 1}) as local:
        first = asyncio.create_task(upload(local.url, slowly()))
        await started.wait()
        await talk.until(lambda: local.server._upload_places.held)
        assert await refused(local.url, female_wav.read_bytes()) == (503, "overloaded")
        go_on.set()
        assert (await first)[0] == 200
        assert (await upload(local.url, female_wav.read_bytes()))[0] == 200


async def test_a_stream_goes_on_while_uploads_are_analysed(serve, male_wav, monkeypatch):
    """An upload runs beside the event loop, not on it."""
    is_running, may_go_on = threading.Event(), threading.Event()

    def held(*arguments):
        is_running.set()
        assert may_go_on.wait(talk.DEADLINE_S)
        return analysis_of(*arguments)

    monkeypatch.setattr("intone.web.analyze.analysis_of", held)
    async with serve() as local:
        uploaded = asyncio.create_task(upload(local.url, male_wav.read_bytes()))
        await talk.until(is_running.is_set)
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
        assert talk.of_type(messages, "utterance.result")
        assert not uploaded.done()
        may_go_on.set()
        assert (await uploaded)[0] == 200


def raises(_windows, _states):
    raise ValueError("a model that fails")


def answers_no_numbers(windows, states):
    emotions, genders = np.full((len(windows), 8), np.nan), np.zeros((len(windows), 2))
    return StepOutput(emotions, genders, states)


@pytest.mark.parametrize("fails", [raises, answers_no_numbers])
async def test_a_model_that_fails_is_told_as_the_stream_tells_it(
    serve, store, male_wav, monkeypatch, fails
):
    model = SmallModel(store["gru"].card)
    async with serve(models=ModelStore({"gru": model})) as local:
        monkeypatch.setattr(model.recogniser, "step", fails)
        assert await refused(local.url, male_wav.read_bytes()) == (500, "recogniser_failed")


async def test_what_fails_beside_the_model_does_not_pass_for_it(serve, male_wav, monkeypatch):
    def fails(_session, _data):
        raise ValueError("a voice detector that fails")

    async with serve() as local:
        monkeypatch.setattr(Session, "feed", fails)
        assert await refused(local.url, male_wav.read_bytes()) == (500, "internal_error")


async def test_who_trickles_gives_the_place_up(serve, monkeypatch):
    async def trickle():
        while True:
            yield b"\0"
            await asyncio.sleep(0.001)

    # A clock that says of each byte that it took a second; of the other limit the loop's says.
    seconds = itertools.count()
    monkeypatch.setattr(analyze, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    async with serve(limits={"idle_timeout_s": 60}) as local:
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{local.url}/v1/analyze", data=trickle()) as response,
        ):
            assert response.status == 408
            body = await response.json()
        assert body["error"]["message"] == "the upload comes too slowly"


async def test_what_is_said_of_an_upload_is_counted_as_of_a_session(serve, male_wav):
    async with serve() as local:
        status, analysis = await upload(local.url, male_wav.read_bytes())
        assert status == 200
        rendered = local.server.metrics.render().decode()
    (result,) = analysis["utterances"]

    def counted(line):
        return talk.value_of(rendered, line)

    spoken_ms = result["end_ms"] - result["start_ms"]
    assert counted("intone_utterance_duration_seconds_sum") == pytest.approx(spoken_ms / 1_000)
    assert counted("intone_result_latency_seconds_count") == 0
    seconds = counted('intone_audio_received_seconds_total{protocol="upload"}')
    assert seconds == analysis["duration_ms"] / 1_000
    reason = result["reason"]
    assert counted(f'intone_utterances_total{{end_reason="{reason}"}}') == 1
    for task in ("emotion", "gender"):
        label = result[task]["label"]
        assert counted(f'intone_predictions_total{{label="{label}",task="{task}"}}') == 1


async def test_uploads_are_heard_one_at_a_time(serve, male_wav, monkeypatch):
    """Several threads would wait for the interpreter before the event loop."""
    feed = Session.feed
    at_work, most = itertools.count(), 0
    inside = set()

    def watched(session, data):
        nonlocal most
        name = next(at_work)
        inside.add(name)
        most = max(most, len(inside))
        try:
            return feed(session, data)
        finally:
            inside.remove(name)

    monkeypatch.setattr(Session, "feed", watched)
    longer = io.BytesIO()
    samples, rate_hz = soundfile.read(male_wav, dtype="int16")
    soundfile.write(longer, np.tile(samples, 8), rate_hz, format="WAV")
    async with serve() as local:
        uploads = [upload(local.url, longer.getvalue()) for _ in range(4)]
        answers = await asyncio.gather(*uploads)
    assert [status for status, _ in answers] == [200] * 4
    assert next(at_work) >= 4 * 8
    assert most == 1


def test_an_analysis_gives_up_once_the_server_stops(store, male_wav):
    is_stopping = threading.Event()
    is_stopping.set()
    content = io.BytesIO(male_wav.read_bytes())
    with pytest.raises(ShuttingDown):
        analysis_of(content, store["gru"], ServerSettings(), is_stopping)
