"""Two people with a past, and all that names what they have got."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from runtime.ids import new_id
from tests.acceptance.foreign import Foreign, outcome
from tests.acceptance.people import WAIT, Person, Register


@dataclass(frozen=True, kw_only=True)
class World:
    """Two people with a past, somebody who is left alone, and what the two have got."""

    alice: Person
    bob: Person
    quiet: Person
    commands: tuple[httpx.Response, ...]
    words: tuple[str, ...]
    register: Register

    @property
    def names(self) -> list[str]:
        """The usernames of the two."""
        return [self.alice.username, self.bob.username]

    @property
    def message_ids(self) -> list[str]:
        """The ids of all messages, deleted ones included."""
        return sorted({c.json()["message_id"] for c in self.commands if "message_id" in c.json()})

    def answers(self, what: str) -> list[str]:
        """Return a member of every command's answer."""
        return [command.json()[what] for command in self.commands]

    def view(self) -> dict[str, Any]:
        """Return all that the two can see."""
        return {
            f"{me.username} {path}": outcome(me.http.get(path, headers=self._fresh))
            for me, peer in ((self.alice, self.bob), (self.bob, self.alice))
            for path in self._paths(peer)
        } | {
            f"{me.username} {place}": outcome(me.http.get(place, headers=WAIT))
            for me in (self.alice, self.bob)
            for place in (command.headers["Location"] for command in self.commands)
        }

    @property
    def _fresh(self) -> dict[str, str]:
        return {**WAIT, "Consistency-Token": ",".join(self.answers("consistency_token"))}

    def _paths(self, peer: Person) -> list[str]:
        talk = f"/query/v1/conversations/{peer.username}/messages"
        return [
            *("/auth/v1/me", "/auth/v1/sessions", "/query/v1/conversations", "/query/v1/unread"),
            *(f"{talk}{rest}" for rest in ("?include=deleted", "", "/unread", "/last?from=any")),
            *(f"/query/v1/messages/{one}?include=deleted" for one in self.message_ids),
        ]


def make_world(register: Register) -> World:
    """Register two people who have done all that can be done, and return what came of it."""
    alice, bob, quiet = (register(name) for name in ("alice", "bob", "quiet"))
    words = tuple(f"w{secrets.token_hex(6)}" for _ in range(8))
    return World(
        alice=alice,
        bob=bob,
        quiet=quiet,
        commands=tuple(_past(alice, bob, register("friend"), words)),
        words=words,
        register=register,
    )


def _past(alice: Person, bob: Person, friend: Person, words: tuple[str, ...]) -> Iterator[Any]:
    sent = [alice.send(bob, words[0]), bob.send(alice, words[1])]
    sent += [alice.send(bob, words[2]), alice.send(bob, words[3])]
    yield from sent
    changed, gone, hidden = (
        f"messages/{one.json()['message_id']}" for one in (*sent[:1], *sent[2:])
    )
    yield alice.command("PATCH", changed, {"body": words[4], "subject": words[5]})
    yield alice.command("DELETE", gone)
    yield bob.command("DELETE", f"{hidden}?for=me")
    yield bob.command("POST", f"conversations/{alice.username}/read", {"up_to": 1})
    yield bob.command("PATCH", changed, {"body": words[6]})
    # Each of the two has a second conversation, so that lists have pages.
    yield alice.send(friend, words[7])
    yield bob.send(friend, words[7])


def foreign_in(world: World) -> Foreign:
    """Return all that the two have got, by the parameters and fields that may name it."""
    values = {
        **{f"path.{name}": tried for name, tried in _of_paths(world).items()},
        **{f"query.{name}": tried for name, tried in _of_queries(world).items()},
        **{f"header.{name}": tried for name, tried in _of_headers(world).items()},
        **{f"body.{name}": tried for name, tried in _of_bodies(world).items()},
    }
    return Foreign(values=values, nobodys=_nobodys(world), secrets=frozenset(_secrets(world)))


def _of_paths(world: World) -> dict[str, Any]:
    return {
        "message_id": [*world.message_ids[:4], *_conversations(world)],
        "event_id": world.answers("event_id")[3:],
        "session_id": _sessions(world),
        "username": world.names,
    }


def _of_queries(world: World) -> dict[str, Any]:
    return {
        "token": world.answers("consistency_token")[3:],
        "cursor": _cursors(world),
        "q": [*world.words[1:6], f"{world.words[1]} {world.words[4]}"],
        "with": world.names,
        "limit": ["200"],
        "before": ["1000"],
        "after": ["0"],
    }


def _of_headers(world: World) -> dict[str, Any]:
    return {
        "Consistency-Token": [",".join(world.answers("consistency_token"))],
        "Prefer": ["wait=1"],
        "If-None-Match": [",".join(_tags(world))],
        # They change nothing of what is seen; keys have a test of their own.
        "X-Request-ID": [],
        "traceparent": [],
        "Idempotency-Key": [],
    }


def _of_bodies(world: World) -> dict[str, Any]:
    return {
        "to": [world.quiet.username],
        "body": [world.words[1]],
        "subject": [world.words[5]],
        "up_to": [1],
        "message_id": world.message_ids,
        "username": world.names,
        "email": [world.alice.email],
        "password": [world.quiet.password],
        "current_password": [world.quiet.password],
        "new_password": ["correct horse battery"],
    }


def _secrets(world: World) -> set[str]:
    told = {*world.answers("event_id"), *world.answers("consistency_token")}
    named = {*world.names, world.alice.email, world.bob.email, *world.words}
    return {*told, *named, *world.message_ids, *_sessions(world), *_conversations(world)}


def _sessions(world: World) -> list[str]:
    lists = (one.see("/auth/v1/sessions")["items"] for one in (world.alice, world.bob))
    return [session["id"] for items in lists for session in items]


def _conversations(world: World) -> list[str]:
    return [one["conversation_id"] for one in world.alice.see("conversations")["items"]]


def _nobodys(world: World) -> dict[str, Any]:
    token = world.quiet.send(world.register("nobody"), "x").json()["consistency_token"]
    return {
        **dict.fromkeys(("path.message_id", "path.event_id", "path.session_id"), str(new_id())),
        # That somebody exists is no secret: nobody knows the quiet one.
        **dict.fromkeys(("path.username", "query.with", "body.username"), world.quiet.username),
        "query.token": token,
        "query.cursor": "A" * 64,
        "query.q": "unheard",
        "header.Consistency-Token": token,
        "header.If-None-Match": 'W/"0"',
        "body.message_id": str(new_id()),
        "body.password": "not the password",
        "body.current_password": "not the password",
    }


def _cursors(world: World) -> list[str]:
    """Return the cursors of the lists of the two, whichever lists there are."""
    cursors = []
    for person in (world.alice, world.bob):
        for path in ("conversations?limit=1", f"search?limit=1&q={world.words[7]}"):
            page = person.http.get(f"/query/v1/{path}")
            link = page.json().get("next") or ""
            cursors += [link.partition("cursor=")[2]] if "cursor=" in link else []
    assert cursors
    return cursors


def _tags(world: World) -> list[str]:
    lists = ("conversations", "unread", f"conversations/{world.bob.username}/messages")
    return [world.alice.http.get(f"/query/v1/{path}").headers["ETag"] for path in lists]
