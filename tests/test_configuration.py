"""Flags over the environment over the file, and errors that say whose value is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from intone.configuration import all_settings, load_settings
from intone.errors import SettingsError
from intone.settings import ServerSettings

SECRET = "s3cr3t-of-the-test"


def load(*assignments, environ=None, file=None, **flags):
    return load_settings(flags, assignments, environ=environ or {}, config_file=file)


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "intone.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_nothing_given_is_the_defaults():
    assert load() == ServerSettings()


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(toml):
    file = toml("port = 1\nhost = '127.0.0.1'\nlog_level = 'error'\n")
    environ = {"INTONE_PORT": "2", "INTONE_HOST": "127.0.0.2"}
    settings = load(file=file, environ=environ, port=3)
    assert (settings.port, settings.host, settings.log_level) == (3, "127.0.0.2", "error")


def test_nested_settings_have_a_name_everywhere(toml):
    file = toml("[endpointer]\nhangover_ms = 600\npre_roll_ms = 200\n[limits]\nmax_rate = 5\n")
    environ = {"INTONE_ENDPOINTER_HANGOVER_MS": "700", "INTONE_ENGINE_MAX_WAIT_MS": "1.5"}
    settings = load("endpointer.hangover_ms=800", file=file, environ=environ)
    assert settings.endpointer.hangover_ms == 800
    assert settings.endpointer.pre_roll_ms == 200
    assert settings.engine.max_wait_ms == 1.5
    assert settings.limits.max_rate == 5.0


def test_every_setting_can_be_given_by_its_variable():
    # Each to its own default, as text: a type nobody can convert would show here.
    texts = {}
    for path, setting in all_settings().items():
        value: object = ServerSettings()
        for name in path.split("."):
            value = getattr(value, name, None)
        if value not in (None, ()):
            texts[setting.variable] = str(value)
    assert len(texts) > 30
    assert load(environ=texts) == ServerSettings()


def test_the_file_may_be_named_by_a_variable_and_a_flag_wins(toml, tmp_path):
    environ = {"INTONE_CONFIG": str(toml("port = 1"))}
    assert load(environ=environ).port == 1
    other = tmp_path / "other.toml"
    other.write_text("port = 2")
    assert load(environ=environ, file=other).port == 2


def test_paths_in_the_file_are_relative_to_it(toml, tmp_path):
    assert load(file=toml("models_dir = 'more'")).models_dir == tmp_path / "more"
    assert load(environ={"INTONE_MODELS_DIR": "more"}).models_dir == Path("more")


def test_lists_are_arrays_in_the_file_and_parted_by_commas_elsewhere(toml):
    assert load(file=toml("models = ['a', 'b']")).models == ("a", "b")
    assert load(environ={"INTONE_MODELS": "a, b"}).models == ("a", "b")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"assignments": ["port=many"]}, "--set port must be a whole number, not 'many'"),
        ({"environ": {"INTONE_PORT": "1.5"}}, "INTONE_PORT must be a whole number, not '1.5'"),
        (
            {"environ": {"INTONE_ENDPOINTER_START_RATIO": "nan"}},
            "INTONE_ENDPOINTER_START_RATIO must be a number, not 'nan'",
        ),
        (
            {"environ": {"INTONE_ALLOW_OPEN": "maybe"}},
            "INTONE_ALLOW_OPEN must be true or false, not 'maybe'",
        ),
        (
            {"environ": {"INTONE_PORTS": "1"}},
            "environment variable INTONE_PORTS is not a setting; did you mean INTONE_PORT?",
        ),
        (
            {"assignments": ["endpointer.hangover=1"]},
            "--set endpointer.hangover is not a setting; did you mean endpointer.hangover_ms?",
        ),
        ({"assignments": ["port"]}, "--set takes NAME=VALUE: an equals sign is missing"),
        (
            {"assignments": ["port=1", "port=2"]},
            "port is given twice: by --set port and --set port",
        ),
        (
            {"assignments": ["port=2"], "flags": {"port": 1}},
            "port is given twice: by --port and --set port",
        ),
        (
            {"environ": {"INTONE_ENDPOINTER_VAD_MODE": "7"}},
            "vad_mode must be between 0 and 3, not 7 (given by INTONE_ENDPOINTER_VAD_MODE)",
        ),
        (
            {"assignments": ["endpointer.min_speech_ms=5000", "endpointer.max_utterance_ms=4000"]},
            (
                "max_utterance_ms must hold at least min_speech_ms and min_periodic_ms (given by "
                "--set endpointer.min_speech_ms, --set endpointer.max_utterance_ms)"
            ),
        ),
        (
            {"flags": {"port": 70_000}},
            "port must be between 0 and 65535, not 70000 (given by --port)",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_source(given, sentence):
    flags, assignments = given.get("flags", {}), given.get("assignments", ())
    with pytest.raises(SettingsError) as refusal:
        load_settings(flags, assignments, environ=given.get("environ", {}))
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("port = '1'\nhost = 5", "intone.toml: host must be a text, not 5"),
        ("port = true", "intone.toml: port must be a whole number, not True"),
        ("allow_open = 1", "intone.toml: allow_open must be true or false, not 1"),
        ("models = [1]", "intone.toml: models must be a list of texts, not [1]"),
        ("[limit]\nmax_rate = 1", "intone.toml: limit.max_rate is not a setting"),
        ("[endpointer]\nvad_mod = 1", "did you mean endpointer.vad_mode?"),
        ("endpointer = 3", "intone.toml: endpointer is not a setting"),
        ("port = ", "intone.toml is not TOML"),
        ("port = " + "1" * 5_000, "intone.toml is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(toml, text, part):
    with pytest.raises(SettingsError) as refusal:
        load(file=toml(text))
    assert part in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml: No such file"):
        load(file=tmp_path / "nowhere.toml")


def test_the_environment_may_hold_what_is_not_the_servers():
    environ = {"INTONE_CORPORA": "x", "INTONE_CLIENT_TOKEN": "x", "OTHER": "x"}
    assert load(environ=environ) == ServerSettings()


# --- tokens ---------------------------------------------------------------------------


def test_tokens_come_from_flags_variables_the_file_and_a_file_of_their_own(toml, tmp_path):
    secrets = tmp_path / "tokens"
    secrets.write_text("# whose they are\none\n\n two \n", encoding="utf-8")
    assert load(tokens=("a", "b,c")).tokens == ("a", "b,c")
    assert load(environ={"INTONE_TOKENS": "a,b"}).tokens == ("a", "b")
    assert load(file=toml("tokens = ['a']")).tokens == ("a",)
    assert load(environ={"INTONE_TOKEN_FILE": str(secrets)}).tokens == ("one", "two")
    assert load(file=toml("token_file = 'tokens'")).tokens == ("one", "two")
    assert load(tokens=("a",), token_file=secrets).tokens == ("a", "one", "two")


def test_a_mark_at_the_beginning_of_a_token_file_is_no_part_of_a_token(tmp_path):
    secrets = tmp_path / "tokens"
    for text in ("alice:secret\n", "# whose\nalice:secret\n"):
        secrets.write_text(text, encoding="utf-8-sig")
        assert load(token_file=secrets).tokens == ("alice:secret",)


def test_tokens_of_a_higher_layer_take_the_place_of_those_below(tmp_path):
    secrets = tmp_path / "tokens"
    secrets.write_text("new", encoding="utf-8")
    environ = {"INTONE_TOKENS": "old"}
    assert load(environ=environ, token_file=secrets).tokens == ("new",)


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "No such file"), ("\n", "no token"), ("# one\n", "no token"), ("\xff", "not UTF-8")],
)
def test_a_token_file_without_tokens_is_refused(tmp_path, content, part):
    secrets = tmp_path / "tokens"
    if content is not None:
        secrets.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError, match=part):
        load(token_file=secrets)


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://localhost:3000",
        "http://[::1]:8000",
        "app://local",
        "null",
        "*",
    ],
)
def test_what_a_browser_says_of_a_page_may_be_allowed(origin):
    assert load(allowed_origins=(origin,)).allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "https://shop.example/", "https://Shop.example", "https://shop.example:443",
     "http://shop.example:80", "https://shop.example/talk", "https://*.shop.example/", "https://"],
)  # fmt: skip
def test_what_no_browser_says_of_a_page_is_refused(origin):
    with pytest.raises(SettingsError, match="allowed_origins: no browser says"):
        load(allowed_origins=(origin,))


def test_a_token_is_never_shown(toml):
    assert SECRET not in repr(load(tokens=(SECRET,)))
    attempts = [
        {"file": toml(f"tokens = [['{SECRET}']]")},
        {"file": toml(f"tokens = ['{SECRET}', 5]")},
        {"assignments": [f"tokens:{SECRET}"]},
        {"assignments": [f"tokens={SECRET}", "tokens=x"]},
        {"environ": {"INTONE_TOKEN": SECRET}},
        {"environ": {"INTONE_TOKENS": SECRET, "INTONE_PORT": "-1"}},
    ]
    for attempt in attempts:
        with pytest.raises(SettingsError) as refusal:
            load(*attempt.pop("assignments", ()), **attempt)
        assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("token", ["alpha\nbeta", " alpha", "alpha\t", "alphaé"])
def test_a_token_that_no_header_carries_is_refused_and_not_quoted(token):
    with pytest.raises(SettingsError, match="printable") as refusal:
        load(tokens=(token,))
    assert "alpha" not in str(refusal.value)


@pytest.mark.parametrize("given", ["", "  ", ",", " , "])
def test_tokens_that_are_given_but_empty_do_not_open_the_door(toml, given):
    path = toml('tokens = ["secret"]')
    with pytest.raises(SettingsError, match="INTONE_TOKENS is set but empty"):
        load(environ={"INTONE_TOKENS": given}, file=path)
    with pytest.raises(SettingsError, match="--set tokens is set but empty"):
        load(f"tokens={given}", file=path)


def test_a_home_that_nobody_has_is_no_path():
    with pytest.raises(SettingsError, match="home folder"):
        load("models_dir=~nobody-of-that-name/models")


KUBERNETES = {
    "INTONE_SERVICE_HOST": "10.96.0.12",
    "INTONE_SERVICE_PORT": "8765",
    "INTONE_SERVICE_PORT_HTTP": "8765",
    "INTONE_PORT": "tcp://10.96.0.12:8765",
    "INTONE_PORT_8765_TCP": "tcp://10.96.0.12:8765",
    "INTONE_PORT_8765_TCP_PROTO": "tcp",
    "INTONE_PORT_8765_TCP_PORT": "8765",
    "INTONE_PORT_8765_TCP_ADDR": "10.96.0.12",
    "INTONE_REDIS_SERVICE_HOST": "10.96.0.13",
    "INTONE_REDIS_PORT": "tcp://10.96.0.13:6379",
    "INTONE_REDIS_PORT_6379_TCP_ADDR": "10.96.0.13",
}
"""What every container of a namespace is told of services ``intone`` and ``intone-redis``."""


def test_what_kubernetes_tells_of_services_is_no_setting():
    assert load_settings({}, environ=KUBERNETES) == ServerSettings()
    assert load_settings({}, environ=KUBERNETES | {"INTONE_PORT": "9000"}).port == 9_000


@pytest.mark.parametrize("name", ["INTONE_PORTS", "INTONE_HOST_PORT", "INTONE_PORT_TCP"])
def test_and_nothing_else_passes_for_it(name):
    with pytest.raises(SettingsError, match=name):
        load_settings({}, environ={name: "10.96.0.12"})


def test_an_empty_host_is_not_every_address():
    with pytest.raises(SettingsError, match=r"host must not be empty.*INTONE_HOST"):
        load_settings({}, environ={"INTONE_HOST": "", "INTONE_TOKENS": "alpha"})


def test_a_refused_origin_is_told_by_its_own_source():
    with pytest.raises(SettingsError) as refusal:
        load_settings({"port": "9180"}, environ={"INTONE_ALLOWED_ORIGINS": "https://Shop.example"})
    assert "(given by INTONE_ALLOWED_ORIGINS)" in str(refusal.value)
