"""People who go on writing and reading while the stack is changed beneath them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.recovery.chat import Chat

_PAUSE_S = 0.02


class Load:
    """Each of two people writes to the other and reads, one request after the other.

    Attributes:
        answers: How often each status came, by method.
        broken: Requests that got no answer at all.
        sent: What was acknowledged, by its author, in order.
    """

    def __init__(self, talk: Chat, url: str) -> None:
        self._talk = talk
        self._url = url
        self._stop = threading.Event()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.broken: list[str] = []
        self.sent: dict[str, list[str]] = {name: [] for name in talk.names[:2]}

    def shown(self, author: str) -> list[str]:
        """Return what the other reads of what `author` wrote, in the order of positions."""
        [reader] = set(self.sent) - {author}
        items: list[dict[str, Any]] = []
        link: str | None = f"/query/v1/conversations/{author}/messages?limit=200&after=0"
        with httpx.Client(base_url=self._url, timeout=30) as http:
            while link:
                page = http.get(link, headers=self._talk.headers(reader)).raise_for_status().json()
                items += page["items"]
                link = page["next"]
        assert [item["position"] for item in items] == list(range(1, len(items) + 1))
        return [m["body"] for m in items if m["from"] == author and m["body"].startswith("load")]

    def run(self, author: str) -> None:
        """Write and read until `end`."""
        [other] = set(self.sent) - {author}
        with httpx.Client(base_url=self._url, timeout=60) as http:
            while not self._stop.is_set():
                body = f"load {len(self.sent[author])}"
                said = {"to": other, "body": body}
                if self._ask(http, author, "POST", "/command/v1/messages", json=said) == 202:
                    self.sent[author].append(body)
                path = f"/query/v1/conversations/{other}/messages?limit=5"
                self._ask(http, author, "GET", path)
                time.sleep(_PAUSE_S)

    def end(self) -> None:
        """Let everybody finish."""
        self._stop.set()

    def _ask(
        self, http: httpx.Client, author: str, method: str, path: str, **more: Any
    ) -> int | None:
        try:
            answer = http.request(method, path, headers=self._talk.headers(author), **more)
        except httpx.HTTPError as error:
            self.broken.append(repr(error))
            return None
        self.answers[method, answer.status_code] += 1
        return answer.status_code


@contextmanager
def load(talk: Chat, url: str) -> Iterator[Load]:
    """Keep the first two people of `talk` busy for as long as the block lasts."""
    made = Load(talk, url)
    threads = [threading.Thread(target=made.run, args=(name,)) for name in made.sent]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.end()
        for thread in threads:
            thread.join()
