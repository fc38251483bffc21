"""The aiohttp application: what is at which path, and what starts and stops with it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import hdrs, web

from intone import plugins, resources
from intone.models import ModelStore
from intone.settings import ServerSettings
from intone.web import analyze, auth, cors, pages, peer_faults, stream, translate, wire
from intone.web.dialect import Dialect
from intone.web.first_request import FIRST_REQUESTS, FirstRequests
from intone.web.keys import SERVER
from intone.web.responses import NO_STORE, json_response, translate_errors
from intone.web.server import Server


def create_app(settings: ServerSettings, store: ModelStore) -> web.Application:
    """Make an application that serves the models of ``store``.

    Raises :class:`intone.errors.SettingsError` if the default model is not in it, or a
    plug-in that the settings name does not load.
    """
    for kind in (aiohttp.BadContentDispositionHeader, aiohttp.BadContentDispositionParam):
        # Its sender is told; the warning would put a text of theirs on standard error.
        warnings.filterwarnings("ignore", category=kind)
    peer_faults.watch_log()
    dialects: list[Dialect] = plugins.load_all(plugins.DIALECTS)
    asked_by_pages = ("/v1/analyze", "/v1/models", *(dialect.path for dialect in dialects))
    first_requests = FirstRequests()
    app = web.Application(
        middlewares=[first_requests.note, cors.middleware(asked_by_pages), translate_errors]
    )
    app[FIRST_REQUESTS] = first_requests
    app[SERVER] = Server(settings, store)
    app.cleanup_ctx.append(_run_server)
    app.on_shutdown.append(_drain)
    app.add_routes(
        [
            web.post("/v1/analyze", analyze.analyze),
            web.get("/v1/models", _models),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/metrics", _metrics),
            *pages.routes(resources.page_dir()),
        ]
    )
    for dialect in dialects:
        # Not for HEAD, which asks what GET would say and must not open a session.
        app.router.add_get(dialect.path, stream.handler(dialect), allow_head=False)
    for path in asked_by_pages:
        app.router.add_options(path, cors.preflight)
    return app


async def _run_server(app: web.Application) -> AsyncIterator[None]:
    await app[SERVER].start()
    yield
    await app[SERVER].stop()


async def _drain(app: web.Application) -> None:
    await app[SERVER].drain()


async def _models(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    auth.check(request, server.settings)
    models = [translate.model_entry(server.store[name]) for name in server.store.names]
    return json_response(wire.Models(models=models, default=server.default_model))


async def _healthz(request: web.Request) -> web.Response:
    """Alive, whatever the phase: a draining server must not be killed for it."""
    return json_response(wire.Health(status=request.app[SERVER].phase.value))


async def _readyz(request: web.Request) -> web.Response:
    """Whether new sessions should be sent here."""
    server = request.app[SERVER]
    status = 200 if server.refusal() is None else 503
    return json_response(wire.Health(status=server.phase.value), status)


async def _metrics(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    auth.check(request, server.settings)
    headers = {hdrs.CONTENT_TYPE: server.metrics.content_type, **NO_STORE}
    return web.Response(body=server.metrics.render(), headers=headers)
