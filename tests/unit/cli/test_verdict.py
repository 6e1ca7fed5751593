"""Whatever is not as it was sent is found: missing, doubled, disordered, changed, gaps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cli.demo.sending import Receipt, fingerprint
from cli.demo.verdict import Seen, Verdict, judge
from tests.fake_service import EPOCH

_RECEIPTS = [
    Receipt(message_id=f"m{n}", sender="ann", username="ann", fingerprint=fingerprint(f"text {n}"))
    for n in (1, 2, 3)
]


def _seen(number: int, *, position: int | None = None, seconds: int = 60) -> Seen:
    return Seen(
        message_id=f"m{number}",
        position=position or number,
        sender="ann",
        body=f"text {number}",
        sent_at=EPOCH + timedelta(seconds=seconds),
    )


def _judge(*seen: Seen) -> Verdict:
    return judge(_RECEIPTS, sorted(seen, key=lambda one: one.position), EPOCH)


def test_a_conversation_that_is_as_it_was_sent_has_no_problem() -> None:
    assert _judge(_seen(1), _seen(2), _seen(3)) == Verdict(visible=3, problems=())


def test_positions_may_follow_those_of_an_earlier_demo() -> None:
    earlier = replace(_seen(1, position=7, seconds=-60), message_id="old")
    later = [_seen(n, position=7 + n) for n in (1, 2, 3)]
    assert _judge(earlier, *later) == Verdict(visible=3, problems=())


def test_a_missing_message_is_found() -> None:
    verdict = _judge(_seen(1), _seen(3, position=2))
    assert verdict == Verdict(visible=2, problems=("message m2 is missing",))


def test_a_gap_is_found() -> None:
    verdict = _judge(_seen(1), _seen(2), _seen(3, position=4))
    assert verdict.problems == ("position 4 follows 2",)


def test_a_gap_at_the_beginning_is_found() -> None:
    verdict = _judge(*(_seen(n, position=n + 1) for n in (1, 2, 3)))
    assert verdict.problems == ("position 2 follows 0",)


def test_a_gap_after_an_earlier_demo_is_found() -> None:
    earlier = replace(_seen(1, position=1, seconds=-60), message_id="old")
    verdict = _judge(earlier, *(_seen(n, position=n + 2) for n in (1, 2, 3)))
    assert verdict.problems == ("position 3 follows 1",)


def test_a_message_shown_twice_is_found() -> None:
    verdict = _judge(_seen(1), _seen(2), _seen(3), _seen(3, position=4))
    assert "message m3 is shown 2 times" in verdict.problems


def test_a_double_under_another_id_is_found() -> None:
    double = replace(_seen(2, position=4), message_id="m9")
    verdict = _judge(_seen(1), _seen(2), _seen(3), double)
    assert verdict.problems == ("message m9 at 4 doubles another",)


def test_a_message_of_a_stranger_between_is_no_problem() -> None:
    strange = replace(_seen(9, position=2), body="something else")
    assert _judge(_seen(1), strange, _seen(2, position=3), _seen(3, position=4)).problems == ()


def test_disorder_is_found() -> None:
    verdict = _judge(_seen(1), _seen(2, position=3), _seen(3, position=2))
    assert verdict.problems == ("message m3 comes before one that was sent earlier",)


def test_a_changed_body_or_sender_is_found() -> None:
    body = _judge(_seen(1), replace(_seen(2), body="changed"), _seen(3))
    assert body.problems == ("message m2 at 2 is not what was sent",)
    gone = _judge(_seen(1), replace(_seen(2), body=None), _seen(3))
    assert gone.problems == ("message m2 at 2 is not what was sent",)
    sender = _judge(_seen(1), replace(_seen(2), sender="bob"), _seen(3))
    assert sender.problems == ("message m2 at 2 is not what was sent",)


def test_nothing_visible_is_all_missing() -> None:
    verdict = _judge()
    assert verdict.visible == 0
    assert len(verdict.problems) == 3
