"""`messaging keys` where there is no stack; test_auth.py of the acceptance tests has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import messaging
from local_stack.errors import StackError


def test_without_a_stack_there_is_nothing_to_rotate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_STATE", str(tmp_path / "none"))
    result = CliRunner().invoke(messaging, ["keys", "rotate"])
    assert isinstance(result.exception, StackError)
    assert "run up first" in str(result.exception)
    assert not (tmp_path / "none").exists()
