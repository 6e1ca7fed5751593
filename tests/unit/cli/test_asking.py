"""The question before what cannot be taken back."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from cli.asking import NotConfirmedError, confirm

pytestmark = pytest.mark.unit


@click.command()
def risky() -> None:
    confirm("Go on?")
    click.echo("done")


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "neither", "nobody is there"])
def test_without_a_yes_nothing_is_done_and_the_option_is_named(answer: str) -> None:
    result = CliRunner().invoke(risky, input=answer)
    assert isinstance(result.exception, NotConfirmedError)
    assert "--yes" in str(result.exception)
    assert "Go on?" in result.stderr
    assert result.stdout == ""


def test_a_yes_goes_on() -> None:
    assert CliRunner().invoke(risky, input="y\n").stdout == "done\n"
