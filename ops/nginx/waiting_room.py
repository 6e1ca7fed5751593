"""Where requests wait for a service that is not there, as while its container is replaced.

NGINX passes a connection here that no container of the service took. It is kept until one takes
it, then joined with that one. Nothing is sent twice: a service that was reached is not tried again.

    waiting_room.py DOOR=HOST:PORT ...    a port to listen on, and the service that is meant by it

MESSAGING_WAITING_SECONDS says how long who comes is kept at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from functools import partial
from pathlib import Path

_SETTING = "MESSAGING_WAITING_SECONDS"
# NGINX waits for an answer a minute at most.
_PATIENCE_S, _MOST_S = 30, 50
_CONNECT_S = 1.0
_PAUSE_S = 0.1
# Once it stops: connections that NGINX keeps for later would stay longer.
_LEAVE_S = 5.0
_CHUNK = 64 * 1024
_SIGN_OF_LIFE_S = 2.0


def patience() -> int:
    """Return the seconds that somebody is kept at most, as the environment has it."""
    text = os.environ.get(_SETTING) or str(_PATIENCE_S)
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_S:
        sys.exit(f"{_SETTING}={text!r} is not a whole number from 0 to {_MOST_S}")
    return int(text)


async def admit(
    host: str, port: int, seconds: int, reader: StreamReader, writer: StreamWriter
) -> None:
    """Join a connection with the service at `host` and `port`, once that takes one."""
    with contextlib.closing(writer), contextlib.suppress(OSError):
        reached = await reach(host, port, seconds)
        if reached is None:
            return
        with contextlib.closing(reached[1]):
            await asyncio.gather(pass_on(reader, reached[1]), pass_on(reached[0], writer))


async def reach(host: str, port: int, seconds: int) -> tuple[StreamReader, StreamWriter] | None:
    """Return a connection to the service, or None where nobody takes one for so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        # Its name is looked up each time: the new container has another address.
        with contextlib.suppress(OSError):
            return await asyncio.wait_for(asyncio.open_connection(host, port), _CONNECT_S)
        if loop.time() >= deadline:
            return None
        await asyncio.sleep(_PAUSE_S)


async def pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on what comes until its end, and the end as well."""
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(doors: list[str], seconds: int) -> None:
    """Keep the doors open until SIGTERM; then only those wait who are in."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    servers = []
    for door in doors:
        number, _, service = door.partition("=")
        host, _, port = service.rpartition(":")
        admitting = partial(admit, host, int(port), seconds)
        servers.append(await asyncio.start_server(admitting, port=int(number)))
    while not stopping.is_set():
        if alive := os.environ.get("MESSAGING_ALIVE_FILE"):
            Path(alive).touch()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _SIGN_OF_LIFE_S)
    for server in servers:
        server.close()
    inside = asyncio.all_tasks() - {asyncio.current_task()}
    if inside:
        await asyncio.wait(inside, timeout=_LEAVE_S)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:], patience()))
