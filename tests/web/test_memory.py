"""What a session holds, and for how long: memory is what a thousand of them meet first."""

import gc
import weakref

import pytest
import talk

from intone.core.front_end import FrontEnd
from intone.web.conversation import Conversation


@pytest.fixture
def front_ends(monkeypatch):
    """Every front end that sessions make, weakly: it holds a session's audio."""
    made = []

    def make(*arguments):
        front_end = FrontEnd(*arguments)
        made.append(weakref.ref(front_end))
        return front_end

    monkeypatch.setattr("intone.web.conversation.FrontEnd", make)
    return made


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("is_orderly", [True, False])
async def test_an_ended_session_lets_its_audio_go_without_the_collector(
    serve, male_wav, front_ends, is_orderly
):
    async with serve() as local:
        async with talk.connect(local.url) as socket:
            await talk.receive(socket)
            assert not front_ends, "an idle session needs none"
            await socket.send(talk.pcm_of(male_wav))
            await talk.receive_until(socket, "utterance.started")
            (held,) = front_ends
            assert held() is not None
            if is_orderly:
                await talk.say(socket, "session.close")
                await talk.receive_all(socket)
            else:
                socket.transport.abort()
        await talk.until(lambda: held() is None)


async def test_a_long_message_is_not_kept_for_its_last_frames(serve):
    """Before speech the last 600 ms are kept, whatever message they came in."""
    async with serve() as local, talk.connect(local.url) as socket:
        await socket.send(bytes(320_000))
        await talk.say(socket, "ping")
        await talk.receive_until(socket, "pong")
        (session,) = local.server.sessions
        conversation: Conversation = session._conversation
        (segmenter,) = conversation._live._front_end._segmenters
        recent = segmenter._recent
        assert recent.base is None
        assert recent.nbytes == 30 * 320 * 4
