"""Servers in the test's own process: the real application on a real, free port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from intone.models import ModelStore
from intone.settings import (
    EndpointerSettings,
    EngineSettings,
    LimitSettings,
    ServerSettings,
    SessionSettings,
)
from intone.web.app import create_app
from intone.web.http_input import PacedRunner
from intone.web.keys import SERVER
from intone.web.server import Server

SECTIONS = {
    "endpointer": EndpointerSettings,
    "engine": EngineSettings,
    "limits": LimitSettings,
    "session": SessionSettings,
}


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server, from outside and from inside."""

    url: str
    server: Server


Serve = Callable[..., AbstractAsyncContextManager[LocalServer]]


@pytest.fixture(scope="session")
def store() -> ModelStore:
    return ModelStore.load()


@pytest.fixture(scope="session")
def patient_server(start_server):
    """A process that leaves no interim out, however slow the machine is just now."""
    flags = [f"--set=engine.{name}_backlog_s=60" for name in ("interim", "refuse", "discard")]
    # One sample a message is about what is heard, not about how soon.
    with start_server(*flags, "--set=limits.max_messages_per_s=1000000") as running:
        yield running


@pytest.fixture
def serve(store: ModelStore) -> Serve:
    """``async with serve(limits={"max_sessions": 1}, tokens=("t",)) as local: …``."""

    @contextlib.asynccontextmanager
    async def start(models: Any = None, **options: Any) -> AsyncIterator[LocalServer]:
        if models is not None:
            # What a test holds up must not hold up the loop.
            options["engine"] = {"own_thread_ms": 0, **options.get("engine", {})}
        sections = {name: SECTIONS[name](**options.pop(name, {})) for name in SECTIONS}
        settings = ServerSettings(port=0, **sections, **options)
        app = create_app(settings, models or store)
        runner = PacedRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            yield LocalServer(f"http://{host}:{port}", app[SERVER])
        finally:
            await runner.cleanup()

    return start
