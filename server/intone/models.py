"""Model folders: found, checked against their cards, and loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intone import plugins, resources
from intone.core.card import Card, parse_card
from intone.core.interims import WithInterims, why_not
from intone.core.recogniser import Recogniser, UtteranceRecogniser
from intone.errors import ModelError, SettingsError, UnknownModel

CARD_FILE = "card.json"


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose file is the one its card speaks of."""

    card: Card
    folder: Path
    content: bytes
    interims: Model | None = None
    """The model whose answers are told while an utterance runs, where that is another."""

    @property
    def interim_card(self) -> Card | None:
        """The card of the model whose answers interims are; None: it gives none."""
        if self.interims is not None:
            return self.interims.card
        return None if self.card.answers_at_end else self.card

    def alone(self) -> Model:
        """Return it without another's interims, for what asks for none."""
        return replace(self, interims=None) if self.interims else self

    def new_recogniser(self) -> Recogniser:
        """Return a recogniser of its own interpreters: one a thread."""
        try:
            make = plugins.load(plugins.RECOGNISERS, self.card.kind)
        except SettingsError as error:
            raise ModelError(f"{self.folder / CARD_FILE}: kind: {error}") from error
        recogniser: Recogniser = self._made_by(make)
        if isinstance(recogniser, UtteranceRecogniser) != self.card.answers_at_end:
            raise ModelError(
                f"{self.folder / CARD_FILE}: longest_frames is for kinds of model that answer "
                f"at the end, and {self.card.kind!r} "
                + ("does not" if self.card.answers_at_end else "does")
            )
        if self.interims is not None and isinstance(recogniser, UtteranceRecogniser):
            return WithInterims(recogniser, self.interims.new_recogniser())
        return recogniser

    def _made_by(self, make: Any) -> Any:
        try:
            return make(self.card, self.content)
        except ModelError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise ModelError(
                f"{self.folder / CARD_FILE}: kind: {self.card.kind!r} does not start: {why}"
            ) from error


def load_model(folder: str | Path) -> Model:
    """Load ``folder``, without another's interims.

    Raises :class:`ModelError` that names the file and why.
    """
    folder = Path(folder)
    card_path = folder / CARD_FILE
    card = parse_card(_read(card_path), str(card_path))
    if card.name != folder.name:
        raise ModelError(f"{card_path}: name is {card.name!r}, the folder {folder.name!r}")
    if Path(card.file).name != card.file:
        raise ModelError(f"{card_path}: file must lie in the folder itself, not {card.file!r}")
    model_path = folder / card.file
    content = _read(model_path)
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise ModelError(f"{model_path}: sha256 is {found}, the card says {card.sha256}")
    return Model(card, folder, content)


def _with_interims(model: Model, folders: Mapping[str, Path]) -> Model:
    """Return ``model`` with that of the interims that its card names, if it names one."""
    name, card_path = model.card.interims, model.folder / CARD_FILE
    if name is None:
        return model
    # Beside it first: those that come with intone belong together, whatever else is called so.
    beside = {folder.name: folder for folder in _folders(model.folder.parent)}
    folder = beside.get(name) or folders.get(name)
    if folder is None:
        raise ModelError(f"{card_path}: interims: {unknown_model(repr(name), folders)}")
    meanwhile = load_model(folder)
    reason = why_not(model.card, meanwhile.card)
    if reason is not None:
        raise ModelError(f"{card_path}: {reason}")
    return replace(model, interims=meanwhile)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{str(path)!r}: no file has such a name: {error}") from error


def _folders(root: Path) -> list[Path]:
    try:
        # Not is_dir: since Python 3.14 it says no also of what cannot be looked at.
        return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"{root}: no such folder of models") from None
    except OSError as error:
        raise ModelError(f"{root}: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{str(root)!r}: no folder has such a name: {error}") from error


class ModelStore(Mapping[str, Model]):
    """The models a process serves, by name."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = dict(models)

    @classmethod
    def load(cls, models_dir: Path | None = None, names: Sequence[str] = ()) -> ModelStore:
        """Load the models that come with intone and those under ``models_dir``.

        A folder in ``models_dir`` takes the place of one of the same name that comes with
        intone. ``names`` limits what is loaded; none means all.
        Raises :class:`ModelError` for a folder that cannot be served, :class:`UnknownModel`
        for a name that is not there.
        """
        roots = [resources.models_dir()] + ([models_dir] if models_dir else [])
        folders = {folder.name: folder for root in roots for folder in _folders(root)}
        for name in names:
            if name not in folders:
                raise unknown_model(repr(name), folders)
        wanted = [name for name in folders if not names or name in names]
        if not wanted:
            raise ModelError(f"no model folder under {' or '.join(map(str, roots))}")
        return cls({name: _with_interims(load_model(folders[name]), folders) for name in wanted})

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(self._models)

    def __getitem__(self, name: str) -> Model:
        """Return the model called ``name``; raise :class:`UnknownModel` if there is none."""
        try:
            return self._models[name]
        except KeyError:
            raise unknown_model(repr(name), self._models) from None

    def __contains__(self, name: object) -> bool:
        return name in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


def unknown_model(shown: str, known: Iterable[str]) -> UnknownModel:
    """Return the error for a name (as ``shown``) that is none of those ``known``."""
    return UnknownModel(f"there is no model {shown} here; there is: {', '.join(sorted(known))}")
