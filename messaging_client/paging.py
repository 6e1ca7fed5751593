"""Lists that are fetched page by page, as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from messaging_client.caller import Answer, Caller, Question, followed, understood
from messaging_client.models import Json

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list, in the service's order, and the links to its neighbours."""

    items: tuple[T, ...]
    next: str | None
    prev: str | None


class Pages(Generic[T]):
    """A list; each time that it is iterated, it is asked for anew.

    Every page shows at least what the client had written when the first was asked for.
    """

    def __init__(
        self,
        caller: Caller,
        question: Question,
        read: Callable[[Json], T],
        *,
        backwards: bool = False,
    ) -> None:
        """Ask `question` and follow the links.

        Args:
            caller: Asks.
            question: The first page.
            read: Makes an item of its document.
            backwards: Go from each page to the one before, each from its end to its beginning.
        """
        self._caller = caller
        self._question = question
        self._read = read
        self._backwards = backwards

    def first_page(self) -> Page[T]:
        """Return the first page alone."""
        return self._page(self._caller.ask(self._question))

    def pages(self) -> Iterator[Page[T]]:
        """Yield page after page, until there is no more."""
        question = self._question
        while True:
            answer = self._caller.ask(question)
            page = self._page(answer)
            yield page
            link = page.prev if self._backwards else page.next
            if link is None:
                return
            question = followed(question, link, answer.tokens)

    def __iter__(self) -> Iterator[T]:
        """Yield item after item, of all pages."""
        for page in self.pages():
            yield from reversed(page.items) if self._backwards else page.items

    def _page(self, answer: Answer) -> Page[T]:
        return understood(
            lambda told: Page(
                items=tuple(map(self._read, told["items"])), next=told["next"], prev=told["prev"]
            ),
            answer.document,
        )
