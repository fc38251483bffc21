"""Who may import whom, where the engines are, and how long a thing may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "server" / "intone"
LAB = REPO / "tools"

SERVER_FILES = sorted(PACKAGE.rglob("*.py"))
LAB_FILES = sorted(LAB.rglob("*.py"))

ENGINES = {
    "ai_edge_litert": "core/interpreter.py",
    "tflite_runtime": "core/interpreter.py",
    "python_speech_features": "core/features.py",
    "gunicorn": "web/parent.py web/workers.py",
    "prometheus_client": "web/metrics.py",
    "rjsmin": "web/page_files.py",
    "soundfile": "audio_files.py",
    "soxr": "core/resample.py",
    "uvloop": "web/serve.py",
    "_webrtcvad": "core/vad.py",
    "websockets": "client/transport.py web/audio_frames.py",
}
"""Each third-party engine, and the one file that may know of it (or two, for two parts of it)."""

NOT_PURE = {"asyncio", "datetime", "io", "logging", "os", "pathlib", "random", "socket", "time"}
"""What a module that takes bytes and gives events has no use for."""

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 300


def name_of(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def modules_imported(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports anywhere, ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages_imported(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in modules_imported(path)}


def part_of(path: Path) -> str:
    """``core`` for core/vad.py, ``session`` for session.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


PARTS = {part_of(path) for path in SERVER_FILES}


def parts_imported(path: Path) -> set[str]:
    found = set()
    for module in modules_imported(path):
        package, _, rest = module.partition(".")
        if package == "intone":
            part = rest.partition(".")[0]
            found.add(part if part in PARTS else "__init__")
    return found - {part_of(path)}


def graph() -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {part: set() for part in PARTS}
    for path in SERVER_FILES:
        edges[part_of(path)] |= parts_imported(path)
    return edges


def test_the_parts_of_the_package_import_each_other_one_way_only():
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"imports go in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("types", set()),
        ("errors", set()),
        ("settings", {"errors", "types"}),
        ("core", {"errors", "settings", "types"}),
    ],
)
def test_a_lower_layer_knows_only_those_below(part, allowed):
    assert graph()[part] <= allowed


@pytest.mark.parametrize(
    ("part", "users"),
    [
        ("cli", {"__main__"}),
        # The client reads and writes the same messages: web/wire.py and codec.py, checked below.
        ("web", {"cli", "client"}),
    ],
)
def test_an_upper_layer_is_known_only_to_those_above(part, users):
    found = {user for user, used in graph().items() if part in used}
    assert {user.partition("_")[0] if user != "__main__" else user for user in found} <= users


def test_outside_web_only_the_command_line_imports_more_of_web_than_the_wire():
    for path in SERVER_FILES:
        if part_of(path) in {"web", "cli"}:
            continue
        web = {module for module in modules_imported(path) if module.startswith("intone.web")}
        assert all(module.startswith(("intone.web.wire", "intone.web.codec")) for module in web), (
            name_of(path)
        )


def test_aiohttp_is_known_only_under_web():
    users = {part_of(path) for path in SERVER_FILES if "aiohttp" in packages_imported(path)}
    assert users == {"web"}


def test_the_wire_format_does_not_need_a_server():
    assert packages_imported(PACKAGE / "web" / "wire.py").isdisjoint({"aiohttp", "asyncio"})
    assert not (PACKAGE / "web" / "__init__.py").read_text(encoding="utf-8").count("import")


@pytest.mark.parametrize(("engine", "home"), ENGINES.items())
def test_an_engine_is_imported_in_exactly_one_file(engine, home):
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in SERVER_FILES
        if engine in packages_imported(path)
    ]
    assert sorted(users) == home.split()


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda p: p.name)
def test_the_core_is_pure(path):
    assert not packages_imported(path) & NOT_PURE
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input"}


def test_the_server_knows_nothing_of_tools_and_tests():
    for path in SERVER_FILES:
        outsiders = {"intone_lab", "intone_bench", "tests", "pytest", "tensorflow", "keras"}
        assert not packages_imported(path) & outsiders, name_of(path)


def test_the_tools_do_not_serve_but_for_the_peer_that_is_measured():
    served = [name_of(path) for path in LAB_FILES if "aiohttp" in packages_imported(path)]
    assert served == ["tools/intone_bench/peers/published.py"]


@pytest.mark.parametrize("peer", ["librosa", "opensmile", "sklearn", "tensorflow", "torch"])
def test_the_bench_knows_a_peer_in_one_file_and_loads_it_in_a_process_of_its_own(peer):
    bench = [path for path in LAB_FILES if path.is_relative_to(REPO / "tools" / "intone_bench")]
    users = [path for path in bench if peer in packages_imported(path)]
    assert len(users) == 1
    assert users[0].parent.name == "peers"


@pytest.mark.parametrize("path", SERVER_FILES + LAB_FILES, ids=name_of)
def test_a_file_is_short_enough_to_know(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SERVER_FILES + LAB_FILES, ids=name_of)
def test_functions_are_short_enough_to_read(path):
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert not long
