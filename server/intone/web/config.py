"""What a client asks for, checked field by field, to a session's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from intone.errors import (
    IntoneError,
    InvalidUpdate,
    SettingsError,
    UnsupportedAudio,
)
from intone.models import ModelStore, unknown_model
from intone.settings import SessionSettings
from intone.types import SAMPLE_RATES_HZ, AudioFormat, Encoding

CHANNELS = (1, 2)
"""One speaker, or the two sides of a call."""

_SHOWN_CHARS = 40
"""Of a refused value, in the error that names it: enough to recognise it."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a session has agreed on."""

    audio: AudioFormat
    model: str
    interim_ms: int

    @property
    def as_logged(self) -> dict[str, object]:
        """What a line of the log says of it."""
        return {
            "encoding": self.audio.encoding.value,
            "sample_rate_hz": self.audio.sample_rate_hz,
            "channels": self.audio.channels,
            "model": self.model,
        }


class Negotiation:
    """The configuration in effect, and which fields were asked for in vain.

    While a field is refused, audio must not be decoded: it is not in the format that is in
    effect, but in one that nobody here knows.
    """

    def __init__(self, model: str, interim_ms: int, store: ModelStore) -> None:
        self._store = store
        self.config = SessionConfig(AudioFormat(), model, interim_ms)
        self.refused: set[str] = set()

    def apply(self, wishes: Mapping[str, object], *, all_or_nothing: bool) -> list[IntoneError]:
        """Take what is right of ``wishes`` (field name to value) and return what is wrong.

        ``all_or_nothing``: with anything wrong, nothing is taken.
        """
        config = self.config
        errors: dict[str, IntoneError] = {}
        for name, value in wishes.items():
            try:
                config = self._with(config, name, value)
            except IntoneError as error:
                errors[name] = error
        self.refused |= errors.keys()
        if not (errors and all_or_nothing):
            self.config = config
            self.refused -= {*wishes, _WHOLE_UPDATE} - errors.keys()
        return list(errors.values())

    def refuse_update(self, error: IntoneError) -> None:
        """Remember a ``session.update`` of which not even the fields could be read."""
        if isinstance(error, InvalidUpdate):
            self.refused.add(_WHOLE_UPDATE)

    @property
    def needs(self) -> str | None:
        """What must come before audio may, in a sentence; None for nothing."""
        if not self.refused:
            return None
        fields = sorted(self.refused - {_WHOLE_UPDATE})
        wanted = f"sets {', '.join(fields)} right" if fields else "can be read"
        return f"audio needs a session.update that {wanted}"

    def _with(self, config: SessionConfig, name: str, value: object) -> SessionConfig:
        audio = config.audio
        if name == "encoding":
            return replace(config, audio=replace(audio, encoding=_encoding(value)))
        if name == "sample_rate_hz":
            rate_hz = _one_of("the sample rate in Hz", value, SAMPLE_RATES_HZ)
            return replace(config, audio=replace(audio, sample_rate_hz=rate_hz))
        if name == "channels":
            channels = _one_of("the number of channels", value, CHANNELS)
            return replace(config, audio=replace(audio, channels=channels))
        if name == "model":
            return replace(config, model=self._model(value))
        assert name == "interim_ms"
        return replace(config, interim_ms=_interim_ms(value))

    def _model(self, value: object) -> str:
        if isinstance(value, str) and value in self._store:
            return value
        raise unknown_model(_shown(value), self._store)


_WHOLE_UPDATE = "session.update"


def _encoding(value: object) -> Encoding:
    try:
        return Encoding(value)
    except ValueError:
        known = ", ".join(encoding.value for encoding in Encoding)
        raise UnsupportedAudio(
            f"the encoding must be one of {known}, not {_shown(value)}"
        ) from None


def _one_of(what: str, value: object, known: tuple[int, ...]) -> int:
    if isinstance(value, int) and value in known:
        return value
    raise UnsupportedAudio(
        f"{what} must be one of {', '.join(map(str, known))}, not {_shown(value)}"
    )


def _interim_ms(value: object) -> int:
    if not isinstance(value, int):
        raise SettingsError(f"interim_ms must be a whole number, not {_shown(value)}")
    return SessionSettings(interim_ms=value).interim_ms


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN_CHARS]
