"""What no line of the product does: read from its syntax, so that it stays so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
# What serves requests and events; the command line and the local stack serve their user alone.
_SERVING = (
    *("auth_api", "command_api", "query_api", "workers"),
    *("web", "events", "database", "runtime"),
)
_ALL = (*_SERVING, "cli", "local_stack", "messaging_client")
_RUNS_CODE = {"eval", "exec", "compile", "__import__"}
_UNSAFE_READERS = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "xml", "lxml"}
_WEAK_HASHES = {"md5", "sha1", "new"}


def modules(rooms: tuple[str, ...]) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((_ROOT / room).rglob("*.py")):
            yield str(path.relative_to(_ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def calls(rooms: tuple[str, ...]) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield where each call is, what is called, and the call."""
    for path, tree in modules(rooms):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{path}:{node.lineno}", ast.unparse(node.func), node


def imported(rooms: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for path, tree in modules(rooms):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module


def keywords(call: ast.Call) -> dict[str | None, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def test_no_code_is_made_of_data() -> None:
    made = [
        where
        for where, name, call in calls(_ALL)
        if name in _RUNS_CODE and not (name == "compile" and not call.args)
    ]
    assert made == []


def test_nothing_is_read_by_a_format_that_can_run_code_or_fetch() -> None:
    found = [(path, name) for path, name in imported(_ALL) if name.split(".")[0] in _UNSAFE_READERS]
    assert found == []


def test_no_command_goes_through_a_shell() -> None:
    found = [
        where
        for where, name, call in calls(_ALL)
        if name in {"os.system", "os.popen", "subprocess.getoutput"}
        or keywords(call).get("shell", "False") != "False"
    ]
    assert found == []
    started = [where for where, name, _ in calls(_SERVING) if name.startswith("subprocess.")]
    assert started == []


def test_every_statement_is_a_constant_and_its_values_are_parameters() -> None:
    built = [
        where
        for where, name, call in calls(_SERVING)
        if name in {"text", "sa.text", "sqlalchemy.text"}
        and not isinstance(call.args[0], ast.Constant)
    ]
    # Names of schemas, of which our own code knows two.
    assert {where.split(":")[0] for where in built} <= {"workers/projections/statements.py"}


def test_every_template_is_a_constant() -> None:
    rendered = [
        ast.unparse(call.args[0])
        for _, name, call in calls(_SERVING)
        if name.endswith("render_template_string")
    ]
    assert rendered
    assert all(name.isupper() for name in rendered)


def test_what_must_not_be_guessed_comes_from_the_systems_generator() -> None:
    found = {path for path, name in imported(_ALL) if name == "random"}
    # The pauses of a client that tries again, and a port to try first.
    assert found <= {"messaging_client/retries.py", "local_stack/ports.py"}


def test_no_weak_hash_protects_anything() -> None:
    found = [
        where
        for where, name, call in calls(_ALL)
        if name.startswith("hashlib.")
        and name.removeprefix("hashlib.") in _WEAK_HASHES
        and keywords(call).get("usedforsecurity") != "False"
    ]
    assert found == []


def test_codes_of_authentication_are_compared_in_constant_time() -> None:
    compared = {
        where.split(":")[0] for where, name, _ in calls(("web",)) if "compare_digest" in name
    }
    assert {"web/consistency.py", "web/paging.py"} <= compared


def test_requests_between_services_follow_no_redirect_and_check_certificates() -> None:
    found = [
        where
        for where, name, call in calls(_ALL)
        if keywords(call).get("follow_redirects", "False") != "False"
        or (name.startswith("httpx.") and keywords(call).get("verify", "True") == "False")
    ]
    assert found == []
    asking = [
        keywords(call).get("trust_env")
        for _, name, call in calls(_SERVING)
        if name in {"httpx.Client", "httpx.get"}
    ]
    assert asking
    assert set(asking) == {"False"}


def test_nothing_runs_in_debug_mode() -> None:
    found = [
        where
        for where, name, call in calls(_ALL)
        if keywords(call).get("debug", "False") != "False" or name == "app.run"
    ]
    assert found == []


@pytest.mark.parametrize("name", ["runtime.txt", "development.txt"])
def test_every_dependency_has_one_version_and_its_hashes(name: str) -> None:
    text = (_ROOT / "requirements" / name).read_text(encoding="utf-8")
    joined = text.replace("\\\n", " ")
    wanted = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(wanted) > 20
    for line in wanted:
        assert re.match(r"[a-z0-9-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line), line
