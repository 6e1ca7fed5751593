"""What `messaging events` refuses before it looks for a stack, and names the option."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.events.values import Type
from cli.main import messaging

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        *(("verify", "--rate", value) for value in ("0", "-1", "1e-300", "nan", "inf", "many")),
        # An empty text would be in the reason of every dead letter, and give all of them up.
        *(("dead-letters discard", "--reason", value) for value in ("", " ")),
        *(("dead-letters discard", "--type", value) for value in ("", "%", "a b")),
        *(
            ("replay", "--type", value)
            for value in ("", "message", "message.sent.v9", "mesage.sent")
        ),
        ("log", "--since", "yesterday"),
        ("dead-letters list", "--until", ""),
        ("pause 0", "--reason", ""),
    ],
)
def test_a_value_that_means_nothing_is_refused(verb: str, option: str, value: str) -> None:
    result = CliRunner().invoke(messaging, ["events", *verb.split(), option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_a_dead_letter_may_be_of_a_type_that_nobody_knows() -> None:
    assert Type(known=False).convert("message.forwarded.v1", None, None) == "message.forwarded.v1"


def test_all_versions_of_a_type_are_known_together() -> None:
    for name in ("account.deleted", "account.deleted.v1", "account.deleted.v2"):
        assert Type(known=True).convert(name, None, None) == name
