"""Plain HTTP: the page and its files, probes, models, metrics, and errors of one shape."""

import gzip
import http.client
import json
import os
import re

import aiohttp
import pytest
import talk
from prometheus_client.parser import text_string_to_metric_families

from intone import resources
from intone.web import page_files
from intone.web.pages import CONTENT_TYPES


async def get(url, method="GET", **options):
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url, **options) as response,
    ):
        return response.status, response.headers, await response.read()


def get_as_written(server, path):
    """GET without a client that tidies the path up first."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("GET", path)
    connection.endheaders()
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


async def test_the_page_comes_with_its_policy(server):
    status, headers, body = await get(server.url)
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert body == (resources.page_dir() / "page" / "index.html").read_bytes()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert f"ws://127.0.0.1:{server.port}" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_every_file_that_the_page_names_is_served(server):
    names = re.findall(r'(?:src|href)="(client/[^"]+)"', (await get(server.url))[2].decode())
    assert names
    for name in names:
        status, headers, body = await get(f"{server.url}/{name}")
        assert status == 200
        suffix = name[name.rindex(".") :]
        assert headers["Content-Type"] == f"{CONTENT_TYPES[suffix]}; charset=utf-8"
        source = (resources.page_dir() / name.removeprefix("client/")).read_bytes()
        assert body == source or (suffix == ".js" and 0 < len(body) < len(source))


@pytest.mark.parametrize("name", ["", "client/index.js", "client/page/style.css"])
async def test_a_file_is_small_on_the_wire_and_sent_once(server, name):
    async def fetch(**headers):
        # aiohttp would unpack it unasked.
        async with (
            aiohttp.ClientSession(auto_decompress=False) as client,
            client.get(f"{server.url}/{name}", headers=headers) as response,
        ):
            assert response.headers["Vary"] == "Accept-Encoding"
            assert response.headers["Cache-Control"] == "no-cache"
            return response.status, response.headers, await response.read()

    _, plain_headers, plain = await fetch(**{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain_headers
    _, headers, packed = await fetch(**{"Accept-Encoding": "gzip, deflate, br"})
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    tag = headers["ETag"]
    assert tag == plain_headers["ETag"]
    status, headers, body = await fetch(**{"If-None-Match": f'"another", {tag}'})
    assert (status, body, headers["ETag"]) == (304, b"", tag)
    status, _, body = await fetch(**{"If-None-Match": 'W/"another"'})
    assert (status, bool(body)) == (200, True)


def test_a_file_that_was_edited_is_sent_anew(tmp_path):
    path = tmp_path / "module.js"
    path.write_text("/** Why. */\nexport const a = 1;\n", encoding="utf-8")
    first = page_files.read(path)
    assert first.plain == b"export const a=1;"
    path.write_text("export const a = 2;\n", encoding="utf-8")
    os.utime(path, ns=(0, 1))
    second = page_files.read(path)
    assert second.plain == b"export const a=2;"
    assert second.version != first.version


@pytest.mark.parametrize(
    "path",
    [
        "/client/",
        "/client/..",
        "/client/../pyproject.toml",
        "/client/..%2fpyproject.toml",
        "/client/%2e%2e%2fpyproject.toml",
        "/client/%2fetc%2fpasswd",
        "/client/test%2fpcm.test.js",
        "/client/package.json",
        "/client/events.d.ts",
        "/client/index.html",
        "/client/page/",
        "/client/page/types.d.ts",
        "/client/page/..%2findex.js",
        "/client/testing/server.js",
        "/client/nothing.js",
        "/client/a%00.js",
        "/%ff%fe",
        "/client/%ff.js",
        "/client/" + "a" * 5_000 + ".js",
    ],
)
async def test_nothing_else_is_served(server, path):
    status, body = get_as_written(server, path)
    assert status == 404
    assert json.loads(body)["error"]["code"] == "not_found"


async def test_a_page_of_another_origin_may_import_the_modules_and_read_nothing_else(server):
    origin = {"Origin": "https://shop.example"}
    headers = (await get(f"{server.url}/client/index.js", headers=origin))[1]
    assert headers["Access-Control-Allow-Origin"] == "*"
    for path in ("/", "/client/page/style.css", "/healthz"):
        headers = (await get(server.url + path, headers=origin))[1]
        assert "Access-Control-Allow-Origin" not in headers, path


async def test_the_host_header_cannot_write_the_policy(server):
    headers = (await get(server.url, headers={"Host": "x; script-src 'unsafe-inline'"}))[1]
    assert "unsafe" not in headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/v1/stream", 405, "method_not_allowed"),
        ("GET", "/v1/analyze", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/stream", 400, "bad_request"),
    ],
)
async def test_every_http_error_has_the_one_shape(server, method, path, status, code):
    answered, headers, body = await get(server.url + path, method)
    assert answered == status
    assert headers["Content-Type"].startswith("application/json")
    assert ("Allow" in headers) == (status == 405)
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "retryable"}
    assert (error["code"], error["retryable"]) == (code, False)


async def test_a_fault_of_ours_is_logged_and_not_told(serve, caplog, monkeypatch):
    async with serve() as local:
        monkeypatch.setattr(local.server, "store", None)
        status, _, body = await get(f"{local.url}/v1/models")
        assert status == 500
        assert json.loads(body)["error"]["code"] == "internal_error"
        assert b"NoneType" not in body
        assert "NoneType" in caplog.text


async def test_probes(server):
    for path in ("/healthz", "/readyz"):
        status, headers, body = await get(server.url + path)
        assert (status, json.loads(body)) == (200, {"status": "serving"})
        assert headers["Cache-Control"] == "no-store"


async def test_models_are_listed_with_their_cards(server, store):
    body = json.loads((await get(f"{server.url}/v1/models"))[2])
    assert body["default"] == "gru"
    entry = next(entry for entry in body["models"] if entry["name"] == "gru")
    card = store["gru"].card
    assert entry["sha256"] == card.sha256
    assert entry["emotions"] == list(card.emotions)
    assert entry["genders"] == list(card.genders)
    assert entry["licence"] == card.licence
    assert len(entry["accuracy"]) == len(card.accuracy)


METRICS = {
    "intone_audio_received_seconds": "protocol",
    "intone_build_info": "version",
    "intone_clients_slowed": None,
    "intone_connections": "protocol",
    "intone_connections_active": "protocol",
    "intone_connections_rejected": "reason",
    "intone_errors": "code",
    "intone_inference_batch_size": "model",
    "intone_inference_duration_seconds": "model",
    "intone_interims_dropped": None,
    "intone_model_info": "model",
    "intone_predictions": "label",
    "intone_queue_wait_seconds": "model",
    "intone_result_latency_seconds": None,
    "intone_stream_lag_seconds": "model",
    "intone_utterance_duration_seconds": None,
    "intone_utterances": "end_reason",
}


async def test_metrics_have_their_names_and_count(serve, male_wav):
    data = talk.pcm_of(male_wav)
    async with serve() as local:
        messages = await talk.hear(local.url, data)
        await talk.hear(local.url, b"", query="?encoding=opus")
        await talk.until(lambda: not local.server.sessions)
        status, headers, body = await get(f"{local.url}/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    families = {f.name: f for f in text_string_to_metric_families(body.decode())}
    # The library adds to a counter when it was made.
    assert {name for name in families if not name.endswith("_created")} == set(METRICS)
    for name, label in METRICS.items():
        if label is not None and families[name].samples:
            assert label in families[name].samples[0].labels

    def value(name, **labels):
        samples = [s for f in families.values() for s in f.samples]
        return next(
            s.value for s in samples if s.name == name and s.labels.items() >= labels.items()
        )

    protocol = {"protocol": "intone.v1"}
    assert value("intone_connections_total", **protocol) == 2
    assert value("intone_connections_active", **protocol) == 0
    heard_s = value("intone_audio_received_seconds_total", **protocol)
    assert heard_s == pytest.approx(len(data) / 32_000)
    assert value("intone_errors_total", code="unsupported_audio") == 1
    result = talk.of_type(messages, "utterance.result")[0]
    assert value("intone_utterances_total", end_reason=result["reason"]) == 1
    assert value("intone_predictions_total", label=result["gender"]["label"]) == 1
    assert value("intone_result_latency_seconds_count") == 1
    assert value("intone_inference_batch_size_sum", model="gru") > 5


async def test_two_applications_in_a_process_count_apart(serve, male_wav):
    async with serve() as first, serve() as second:
        await talk.hear(first.url, talk.pcm_of(male_wav))
        assert (
            b'intone_connections_total{protocol="intone.v1"} 1.0' in first.server.metrics.render()
        )
        assert b"intone_connections_total{" not in second.server.metrics.render()
