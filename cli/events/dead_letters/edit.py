"""`messaging events dead-letters edit`."""

from __future__ import annotations

import json
from uuid import UUID

import click
import orjson
from sqlalchemy import Engine

from cli.asking import confirm
from cli.events import connections
from cli.events.dead_letters.choosing import one
from cli.events.dead_letters.retry import Report, run, show
from cli.events.running import counting
from cli.events.values import Name
from events import checkpoints, erasures, parked
from events.changing import ChangeRefusedError, check_change
from events.letters import Letter, LetterSelection
from events.parked import Change
from events.selection import Place
from runtime.clock import utc_now
from runtime.ids import AccountId
from workers.retry_plan import held


@click.command(short_help="Change a parked event, and retry it.")
@click.argument("name", type=Name())
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="The changed copy, as JSON; - for stdin.",
)
@click.option("--no-retry", is_flag=True, help="Only keep the copy; retry later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def edit(name: Place | UUID, *, file: str | None, no_retry: bool, yes: bool, as_json: bool) -> None:
    """Change a parked event and retry its conversation; the original is kept.

    Without --file your editor opens, with what people wrote in it. Id, author, time, type and
    conversation must stay as they are; the copy must be readable by its contract.

    Exit code 0: applied, or refused by a rule. 1: refused as a copy, not confirmed, or the retry
    failed: the copy is kept then.
    """
    if file == "-" and not yes:
        raise click.UsageError("A copy from standard input needs --yes: nothing can be asked.")
    state = connections.stack()
    engine = connections.reading(state)
    with connections.one_line(), engine.connect() as connection:
        letter = one(connection, name, state="parked")
    entry = _copy(letter, file)
    envelope = check_change(
        letter.original_entry or letter.entry,
        entry,
        partition=letter.place.partition,
        partitions=state.record.event_partitions,
    )
    if not yes:
        question = f"Put the changed copy in the place of {letter.place}?"
        confirm(question)
    writer = connections.writing(state)
    wanted = Change(
        partition=letter.place.partition,
        offset=letter.place.offset,
        before=letter.entry,
        entry=entry,
        event_id=envelope.id,
    )
    _change(writer, wanted, envelope.actor_id)
    if not no_retry:
        _retry(engine, writer, letter.place, as_json=as_json)
    elif as_json:
        click.echo(json.dumps({"place": str(letter.place), "changed": True, "retried": False}))
    else:
        click.echo(f"{letter.place} is changed and still parked.")


def _retry(reader: Engine, writer: Engine, place: Place, *, as_json: bool) -> None:
    with connections.one_line(), reader.connect() as connection:
        conversations = held(connection, LetterSelection(names=(place,)))
    report = Report(
        dry_run=False,
        conversations=len(conversations),
        events=sum(conversation.events for conversation in conversations),
    )
    with counting("Retrying", report.events, quiet=as_json) as pace:
        run(writer, conversations, report, pace)
    show(report, as_json=as_json)


def _copy(letter: Letter, file: str | None) -> bytes:
    if file is not None:
        with click.open_file(file, "rb") as opened:
            return _compact(opened.read())
    try:
        readable = json.dumps(orjson.loads(letter.entry), indent=2, ensure_ascii=False)
    except orjson.JSONDecodeError:
        readable = letter.entry.decode("utf-8", "backslashreplace")
    changed = click.edit(readable, extension=".json")
    if changed is None:
        raise ChangeRefusedError("Nothing was changed.")
    return _compact(changed.encode())


def _compact(copy: bytes) -> bytes:
    try:
        return orjson.dumps(orjson.loads(copy))
    except orjson.JSONDecodeError as error:
        raise ChangeRefusedError(f"The changed copy is no JSON: {error}.") from error


def _change(engine: Engine, wanted: Change, actor: AccountId) -> None:
    with connections.one_line(), engine.begin() as transaction:
        checkpoints.await_lock(transaction, wanted.partition)
        # The copy may hold what was erased since it was made.
        if erasures.deleted_among(transaction, wanted.partition, [actor]):
            raise ChangeRefusedError("Its author's account was deleted: discard it, or retry it.")
        if not parked.change(transaction, wanted, now=utc_now()):
            raise ChangeRefusedError("Somebody else has changed or retried it meanwhile.")
