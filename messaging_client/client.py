"""`MessagingClient`: one account's way to the service."""

from __future__ import annotations

from typing import Self

import httpx

from messaging_client.account import AccountCalls
from messaging_client.caching import AnswerCache
from messaging_client.caller import Caller
from messaging_client.commands import CommandCalls
from messaging_client.consistency import Freshness
from messaging_client.queries import QueryCalls
from messaging_client.retries import Retries
from messaging_client.stream import Stream
from messaging_client.transport import Transport, http_client


class MessagingClient(AccountCalls, CommandCalls, QueryCalls):
    """Speaks to the service at `base_url` for one account; any number of threads may share it.

    The access token is renewed in time, failed requests are sent again, and queries show what this
    client has written. Close it, or use it in a `with`; that ends no session, `logout` does.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        freshness: Freshness | None = None,
        cached_answers: int = 0,
        http: httpx.Client | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: The service's address, such as `http://127.0.0.1:8080`.
            timeout_s: The longest silence while an answer is awaited.
            retries: When failed requests are sent again; by default for a minute.
            freshness: How queries show what this client has written; by default they do.
            cached_answers: How many answers to queries to keep, so that an unchanged one costs a
                304; 0 for none.
            http: An HTTP client to be used instead of one's own, such as one of `http_client`
                which several share; `base_url` and `timeout_s` are then its own. Not closed here.
        """
        self._closes_http = http is None
        self._http = http or http_client(base_url, timeout_s=timeout_s)
        transport = Transport(self._http, retries or Retries())
        self._caller = Caller(transport, freshness or Freshness(), AnswerCache(cached_answers))

    def stream(self, *, last_event_id: str = "", idle_s: float = 60.0) -> Stream:
        """Return what happens in one's conversations from now on; iterate to connect.

        Args:
            last_event_id: Resume after this update instead.
            idle_s: After so many seconds without a sign of life the connection is made anew.
        """
        return Stream(self._caller, last_event_id=last_event_id, idle_s=idle_s)

    def close(self) -> None:
        """Close the connections; the session goes on."""
        if self._closes_http:
            self._http.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._http.base_url}>"
