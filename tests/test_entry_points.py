"""What comes with intone is registered the way anyone else's plugin is."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

from intone import plugins
from intone.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILT_IN = {
    (plugins.RECOGNISERS, "streaming"),
    (plugins.VOICE_DETECTORS, "webrtc"),
    (plugins.DIALECTS, "intone.v1"),
    (plugins.SINKS, "log"),
}


@pytest.fixture(scope="module")
def declared(repo_root):
    """The entry points of pyproject.toml: {(group, name): target}."""
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        (group, name): target
        for group, entries in project["entry-points"].items()
        for name, target in entries.items()
    }


def test_every_seam_has_its_built_in(declared):
    assert set(declared) >= BUILT_IN


def test_what_is_installed_is_what_is_declared(declared):
    installed = {
        (entry.group, entry.name): entry.value
        for group in {group for group, _ in declared}
        for entry in entry_points(group=group)
        if entry.dist is not None and entry.dist.name == "intone"
    }
    assert installed == declared, "pyproject.toml changed: install again"


@pytest.mark.parametrize(("group", "name"), sorted(BUILT_IN))
def test_every_built_in_resolves(group, name):
    found = plugins.load(group, name)
    assert callable(found) or found.name == name


def test_an_unknown_plugin_is_refused_naming_those_there_are():
    with pytest.raises(SettingsError, match=r"there is no 'silero' \(there is: .*webrtc"):
        plugins.load(plugins.VOICE_DETECTORS, "silero")
