"""What all sessions of a process share: models at work, counters, and whether there is room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from threading import Event as Flag
from typing import Any, Protocol, TypeVar

from intone import plugins
from intone.core.card import endpointer_for
from intone.core.recogniser import Recogniser
from intone.detectors import load_detector
from intone.engine.engine import Engine
from intone.engine.freed_memory import give_back
from intone.engine.on_demand import OnDemand
from intone.engine.sinks import Sink
from intone.errors import IntoneError, Overloaded, SettingsError, ShuttingDown
from intone.models import Model, ModelStore
from intone.native_output import native_greeting_hidden
from intone.settings import ServerSettings, SessionSettings
from intone.types import Event
from intone.web.metrics import Metrics
from intone.web.places import Places
from intone.web.rounds import Pace, Rounds

log = logging.getLogger(__name__)

_T = TypeVar("_T")

UPLOAD_THREADS = "intone-upload"
OTHERS_WARM_BATCH = 8
"""Up to which batch models that nobody gets unasked are warm: all sizes of `lstm` keep 22 MB."""


class Phase(str, Enum):
    """Where the server stands; values are the wire's."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class Stoppable(Protocol):
    """A session, as far as the server needs to know it."""

    def stop(self) -> None:
        """Begin an orderly end."""
        ...


class Server:
    """Start it on the loop it is to serve on, and stop it there."""

    def __init__(self, settings: ServerSettings, store: ModelStore) -> None:
        self.settings = settings
        self.store = store
        self.metrics = Metrics()
        self.phase = Phase.STARTING
        self.default_model = default_model(settings, store)
        self.make_detector = load_detector(settings.endpointer)
        self.sessions: set[Stoppable] = set()
        self.uploads = ThreadPoolExecutor(settings.limits.max_uploads, UPLOAD_THREADS)
        self.is_stopping = Flag()
        """Uploads look at it between pieces: a thread cannot be cancelled."""
        self._sinks: list[tuple[str, Sink]] = []
        self._engines: dict[str, Engine] = {}
        self.rounds = Rounds(
            lambda run: asyncio.get_running_loop().call_soon(run),
            self._hurry,
            Pace(settings.engine.longest_round_ms / 1_000),
        )
        self.ended = 0
        """Connections and uploads that came and went."""
        limits = settings.limits
        self._session_places = self._places(limits.max_sessions, "there are {} sessions already")
        self._upload_places = self._places(limits.max_uploads, "{} uploads are being analysed")
        self._waiting_places = self._places(
            limits.max_sessions, "{} connections still owe their token"
        )
        self._left = asyncio.Event()
        self._out_of_time = asyncio.Event()

    # --- life --------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the sinks, warm the models up, and be ready."""
        self._open_sinks()
        loop = asyncio.get_running_loop()
        for name in self.store.names:
            self._engines[name] = await loop.run_in_executor(None, self._new_engine, name, loop)
        await loop.run_in_executor(None, give_back)
        self.phase = Phase.SERVING

    def _open_sinks(self) -> None:
        for name in self.settings.sinks:
            try:
                sink = plugins.load(plugins.SINKS, name)(self.settings)
            except Exception as error:
                self._close_sinks()
                if isinstance(error, IntoneError):
                    raise
                why = f"{type(error).__name__}: {error}"
                raise SettingsError(f"the sink {name} does not start: {why}") from error
            self._sinks.append((name, sink))

    def _close_sinks(self) -> None:
        for name, sink in self._sinks:
            try:
                sink.close()
            except Exception:
                log.exception("sink %s did not close", name)

    def _new_engine(self, name: str, loop: asyncio.AbstractEventLoop) -> Engine:
        model = self.store[name]
        # Refused now, not when the first session asks for it.
        endpointer_for(model.card, self.settings.endpointer)
        observer = self.metrics.for_model(model.card)
        recogniser = self._recogniser(model)
        engine = Engine(
            recogniser, self.settings.engine, loop.call_soon_threadsafe, loop.call_later, observer
        )
        engine.start(None if name == self.default_model else OTHERS_WARM_BATCH)
        if isinstance(recogniser, OnDemand):
            # It was tried out now, lest the first session find it broken.
            recogniser.rest()
        self.metrics.watch_lag(name, lambda: engine.backlog_s)
        return engine

    def _recogniser(self, model: Model) -> Recogniser:
        with native_greeting_hidden():
            if not model.card.answers_at_end or model.card.name == self.default_model:
                return model.new_recogniser()
            recogniser = OnDemand(model.card, model.new_recogniser)
            recogniser.wake()
            return recogniser

    def _hurry(self) -> bool:
        # Each of them: not only up to the first that has something to do.
        return sum(engine.hurry() for engine in self._engines.values()) > 0

    async def drain(self) -> None:
        """Take no more, and end every session in good order within ``drain_s``; once only."""
        if self.phase is Phase.DRAINING:
            return
        self.phase = Phase.DRAINING
        # A session leaves the set when it ends.
        for session in list(self.sessions):
            session.stop()
        try:
            await asyncio.wait_for(self._until_empty(), self.settings.limits.drain_s)
        except asyncio.TimeoutError:
            log.warning("%d sessions and uploads did not end in time", self._open_places)
            # While there is still time to answer them.
            self.is_stopping.set()
            self._out_of_time.set()

    async def unless_stopping(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what ``work`` does; raise :class:`ShuttingDown` where a drain ends before."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._out_of_time.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ShuttingDown("the server is stopping")
            return working.result()
        finally:
            working.cancel()
            stopping.cancel()

    async def _until_empty(self) -> None:
        while self._open_places:
            self._left.clear()
            await self._left.wait()

    @property
    def is_occupied(self) -> bool:
        """Whether there is a connection or an upload now."""
        return self._open_places > 0

    @property
    def _open_places(self) -> int:
        kinds = (self._session_places, self._upload_places, self._waiting_places)
        return sum(places.held for places in kinds)

    async def stop(self) -> None:
        """Stop the models' threads; no session may be left."""
        self.is_stopping.set()
        loop = asyncio.get_running_loop()
        for engine in self._engines.values():
            await loop.run_in_executor(None, engine.stop)
        # Not waited for here: see :func:`intone.web.serve.run`.
        self.uploads.shutdown(wait=False, cancel_futures=True)
        self._close_sinks()

    # --- room --------------------------------------------------------------------------

    def check_room(self) -> None:
        """Raise :class:`Overloaded` or :class:`ShuttingDown` where no session would be taken."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal

    @contextmanager
    def session_place(self, protocol: str) -> Iterator[None]:
        """Hold a place for a session; raise :class:`Overloaded` or :class:`ShuttingDown`."""
        self.check_room()
        # First, since of several workers each counts in a file, which may not open.
        self.metrics.connections.labels(protocol).inc()
        active = self.metrics.connections_active.labels(protocol)
        active.inc()
        with self._session_places.hold():
            try:
                yield
            finally:
                active.dec()

    def waiting_place(self) -> AbstractContextManager[None]:
        """Hold a place for a connection whose token is to come; raise as :meth:`session_place`.

        Of its own: who says nothing, and need not know a token, keeps nobody out who does.
        """
        return self._place_among(self._waiting_places)

    def upload_place(self) -> AbstractContextManager[None]:
        """Hold a place for an upload; raise :class:`Overloaded` or :class:`ShuttingDown`."""
        return self._place_among(self._upload_places)

    @contextmanager
    def _place_among(self, places: Places) -> Iterator[None]:
        refusal = self._not_serving() or places.refusal()
        if refusal is not None:
            raise refusal
        with places.hold():
            yield

    def _places(self, most: int, when_full: str) -> Places:
        return Places(most, when_full, self._note_left)

    def _note_left(self) -> None:
        self.ended += 1
        self._left.set()

    def refusal(self) -> IntoneError | None:
        """Return what a new session would be refused with now; None: it would be taken."""
        if (refusal := self._not_serving()) is not None:
            return refusal
        if (refusal := self._session_places.refusal()) is not None:
            return refusal
        backlog_s = max(engine.backlog_s for engine in self._engines.values())
        if backlog_s > self.settings.engine.refuse_backlog_s:
            return Overloaded(f"the engine is {backlog_s:.1f} s behind")
        return None

    def _not_serving(self) -> IntoneError | None:
        if self.phase is Phase.DRAINING:
            return ShuttingDown("the server is stopping")
        if self.phase is Phase.STARTING:
            return Overloaded("the server is starting")
        return None

    # --- for sessions ------------------------------------------------------------------

    def engine(self, model: str) -> Engine:
        """Return the engine of a loaded model."""
        return self._engines[model]

    def interims_allowed(self, late_s: float) -> bool:
        """Whether an interim that comes ``late_s`` after its audio is sent; counted if not."""
        if late_s <= self.settings.engine.interim_backlog_s:
            return True
        self.metrics.interims_dropped.inc()
        return False

    def publish(self, session_id: str, event: Event) -> None:
        """Count an event and hand it to the sinks."""
        self.metrics.event(event)
        for name, sink in self._sinks:
            try:
                sink.tell(session_id, event)
            except Exception:
                log.exception("sink %s failed", name)


def default_model(settings: ServerSettings, store: ModelStore) -> str:
    """Return the model of a session that names none; raise :class:`SettingsError`."""
    if settings.session.model in store:
        return settings.session.model
    # A name that somebody gave is not replaced: a typo must not go unnoticed.
    if len(store) == 1 and settings.session.model == SessionSettings().model:
        return store.names[0]
    raise SettingsError(
        f"the default model {settings.session.model!r} is not among those served: "
        f"{', '.join(store.names)}"
    )
