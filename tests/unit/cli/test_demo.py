"""The demo as a whole, against a service in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from cli.demo.accounts import Accounts
from cli.demo.chat_file import ChatLine
from cli.demo.demo import Demo
from cli.demo.errors import DemoError
from cli.demo.outgoing import Census, outgoing, take_census
from cli.demo.parallel import Stop
from cli.demo.people import substitute
from cli.demo.progress import Lines, screen
from cli.demo.report import Outcome, Report
from cli.demo.showing import show
from tests.fake_service import EPOCH, FakeService

Run = Callable[[list[ChatLine]], Outcome]


def _chat(*spoken: tuple[str, str, str]) -> list[ChatLine]:
    return [
        ChatLine(number=n, sender=sender, recipient=recipient, body=body)
        for n, (sender, recipient, body) in enumerate(spoken, start=1)
    ]


_CHAT = _chat(
    ("Ann", "bob", "hello [bold]you[/bold]"),
    ("bob", "ann", "hi \x1b[31mred\x07"),
    ("carl", "dora e", "one"),
    ("carl", "dora e", "two"),
    ("ann", "bob", "how are you?\nfine?"),
    ("carl", "ann", "three"),
)


@pytest.fixture
def run(open_accounts: Callable[[], Accounts], service: FakeService) -> Run:
    def run(chat: list[ChatLine]) -> Outcome:
        began_at = service.now + timedelta(microseconds=1)
        demo = Demo(open_accounts(), Lines(Console(quiet=True)), stop=Stop(), began_at=began_at)
        return demo.run(take_census(chat), outgoing(chat))

    return run


def _report(outcome: Outcome, census: Census, *, retries: int = 0) -> Report:
    return Report(
        url="http://fake", file="chat", census=census, outcome=outcome, retries=retries, limited=0
    )


def _shown(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard")
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_is_sent_and_found_visible(run: Run) -> None:
    outcome = run(_CHAT)
    assert outcome.is_good
    assert (outcome.registered, outcome.accepted, outcome.visible) == (4, 6, 6)


def test_a_second_demo_goes_on_where_the_first_ended(run: Run, service: FakeService) -> None:
    run(_CHAT)
    again = run(_CHAT)
    assert again.is_good
    assert again.registered == 0
    assert [one["position"] for one in service.conversations["ann", "bob"]] == [1, 2, 3, 4, 5, 6]


def test_the_liveliest_conversation_is_shown_as_both_see_it(run: Run) -> None:
    ann, bob = run(_CHAT).views
    assert (ann.username, ann.peer, ann.unread, ann.unread_in_all) == ("ann", "bob", 1, 2)
    assert (bob.username, bob.peer, bob.unread, bob.unread_in_all) == ("bob", "ann", 2, 2)
    assert [line.unread for line in ann.lines] == [False, True, False]
    assert [line.unread for line in bob.lines] == [True, False, True]


def test_long_conversations_are_verified_page_by_page(run: Run) -> None:
    chat = _chat(*(("ann", "bob", f"text {n}") for n in range(450)))
    assert run(chat).visible == 450


def test_what_is_not_visible_yet_is_waited_for(run: Run, service: FakeService) -> None:
    service.lag = 20
    assert run(_CHAT).is_good


def test_what_never_becomes_visible_is_given_up(run: Run, service: FakeService) -> None:
    service.lag = 10**9
    with pytest.raises(DemoError, match="not visible after 300 s; nothing is lost"):
        run(_CHAT)


def test_a_lost_message_is_a_problem(run: Run, service: FakeService) -> None:
    store = service.store

    def lose_one(sender: str, recipient: str, body: str) -> dict[str, object]:
        answer = store(sender, recipient, body)
        if body == "two":
            service.conversations[tuple(sorted((sender, recipient)))].pop()
        return answer

    service.store = lose_one  # type: ignore[method-assign]  # the fault to be found
    outcome = run(_CHAT)
    assert not outcome.is_good
    assert outcome.visible == 5
    assert "carl and dora_e~" in outcome.problems[0]
    assert outcome.problems[0].endswith("is missing")


def test_people_with_a_strangers_name_go_by_another(run: Run, service: FakeService) -> None:
    service.passwords["bob"] = "not ours"
    outcome = run(_CHAT)
    assert outcome.is_good
    assert {view.username for view in outcome.views} == {"ann", substitute("bob")}


def test_the_report_shows_figures_and_both_views(run: Run) -> None:
    shown = _shown(_report(run(_CHAT), take_census(_CHAT)))
    for text in (
        "6 messages",
        "4 registered now",
        "all 6 visible exactly once",
        "Unread: 1 from bob, 2 from all",
    ):
        assert text in shown
    assert shown.index("As ") < shown.rindex("As ")


@pytest.mark.parametrize("width", [60, 100, 200])
def test_bodies_cannot_command_the_terminal(run: Run, width: int) -> None:
    shown = _shown(_report(run(_CHAT), take_census(_CHAT)), width)
    assert "hello [bold]you[/bold]" in shown
    assert "\x1b[31mred" not in shown
    assert "\x07" not in shown
    assert "how are you? fine?" in shown


def test_problems_and_retries_are_shown(run: Run) -> None:
    broken = replace(run(_CHAT), problems=tuple(f"[red]fault {n}" for n in range(30)), visible=5)
    shown = _shown(_report(broken, take_census(_CHAT), retries=12))
    assert "5 of 6 visible, 30 problems" in shown
    assert "[red]fault 9" in shown
    assert "fault 10" not in shown
    assert "and 20 more" in shown
    assert "12 attempts repeated" in shown


def test_the_figures_are_plain_data(run: Run) -> None:
    figures = _report(run(_CHAT), take_census(_CHAT)).as_dict()
    assert figures["ok"] is True
    assert figures["messages"] == {
        "read": 6,
        "accepted": 6,
        "visible": 6,
        "shortened": 0,
        "skipped": {"to_self": 0, "empty": 0, "unstorable": 0},
    }
    assert len(figures["conversation"]) == 2


@contextmanager
def _screen(*, terminal: bool) -> Iterator[tuple[io.StringIO, Console]]:
    written = io.StringIO()
    yield written, Console(file=written, force_terminal=terminal, width=120)


def test_progress_without_a_terminal_is_a_few_plain_lines(
    open_accounts: Callable[[], Accounts],
) -> None:
    with _screen(terminal=False) as (written, console), screen(console) as shown:
        shown.trouble("down")
        shown.trouble("down")
        shown.trouble("")
        demo = Demo(open_accounts(), shown, stop=Stop(), began_at=EPOCH)
        demo.run(take_census(_CHAT), outgoing(_CHAT))
    lines = written.getvalue().splitlines()
    assert lines[:2] == ["Trying again: down", "It answers again."]
    assert "Sending messages: 6" in lines
    assert len(lines) == 12
    assert "\x1b" not in written.getvalue()


def test_progress_on_a_terminal_has_a_bar_rate_and_time(
    open_accounts: Callable[[], Accounts],
) -> None:
    with _screen(terminal=True) as (written, console), screen(console) as shown:
        shown.trouble("before any stage")
        demo = Demo(open_accounts(), shown, stop=Stop(), began_at=EPOCH)
        demo.run(take_census(_CHAT), outgoing(_CHAT))
        shown.trouble("[red]503")
    assert "6/6" in written.getvalue()
    assert "/s" in written.getvalue()
    assert "[red]503" in written.getvalue()


def test_people_beyond_the_first_log_in_when_they_write(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.demo.demo._LOGINS_AHEAD", 1)
    assert run(_CHAT).is_good
    # All who write, and the one of the two shown who does not, if any.
    assert service.logins == 3
