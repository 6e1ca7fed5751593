"""NGINX alone, from the shared templates: in front of services that echo, and dead ones."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack import accounts, binaries, files, nginx, ports
from local_stack.context import Context
from local_stack.record import Record
from local_stack.state import State


@dataclass(frozen=True)
class Gateway:
    """A running NGINX: live services answer by telling what they got, the others are dead."""

    url: str
    port: int
    log: Path
    errors: Path

    def say(self, raw: bytes) -> tuple[int, dict[str, list[str]], bytes]:
        """Send `raw` bytes and return status, headers (each with all its values) and body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            connection.sendall(raw)
            response = http.client.HTTPResponse(connection)
            response.begin()
            headers: dict[str, list[str]] = {}
            for name, value in response.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            return response.status, headers, response.read()

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, list[str]], bytes]:
        """GET `path` exactly as written."""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        return self.say(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        got = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {"path": self.path, "headers": self.headers.items(), "bytes": len(got)}
        body = json.dumps(told).encode()
        self.send_response(429 if "limited" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        long = self.headers.get("X-Long-Answer")
        if long:
            self.send_header("Consistency-Token", "x" * int(long))
        for name in ("X-Request-ID", "X-Content-Type-Options", "Referrer-Policy"):
            self.send_header(name, "of the service")
        self.send_header("Cache-Control", "private, no-cache")
        self.send_header("Content-Security-Policy", "default-src 'self'")
        if "limited" in self.path:
            self.send_header("Retry-After", "77")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the base class's names

    def log_message(self, *_: object) -> None: ...


@contextmanager
def running_gateway(
    settings: Mapping[str, str], *, alive: Sequence[str] = ("auth_api",)
) -> Iterator[Gateway]:
    """Run NGINX with these settings of `up`, before `alive` services, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="mst-gateway-"))
    folder.chmod(0o711)
    log, errors = folder / "access.log", folder / "errors.log"
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    chosen: dict[str, int] = dict.fromkeys(alive, echo.server_address[1])
    for name in ("nginx", "auth_api", "command_api", "query_api", "query_stream", "flower"):
        if name not in alive:
            chosen[name] = ports.choose(chosen.values())
    server = _nginx_process(_context(folder, chosen, settings), log, errors)
    while ports.is_free(chosen["nginx"]):
        assert server.poll() is None
        time.sleep(0.02)
    try:
        yield Gateway(f"http://127.0.0.1:{chosen['nginx']}", chosen["nginx"], log, errors)
    finally:
        server.terminate()
        server.wait()
        echo.shutdown()
        echo.server_close()
        files.remove_tree(folder)


def _context(folder: Path, chosen: dict[str, int], settings: Mapping[str, str]) -> Context:
    record = Record(
        identity="test",
        uid=0,
        event_partitions=16,
        ports=chosen,
        servers="servers",
        sockets="servers/sockets",
        settings=dict(settings),
    )
    account = accounts.for_gateway()
    files.folder(folder / "servers", mode=0o711)
    return Context(
        state=State(folder, record),
        account=account,
        gateway=account,
        binaries=binaries.find(account, folder / "programs"),
        pgpool=None,
    )


def _nginx_process(context: Context, log: Path, errors: Path) -> subprocess.Popen[bytes]:
    nginx.prepare(context)
    service, account = nginx.service(context), context.gateway
    with log.open("wb") as output, errors.open("wb") as complaints:
        if account:
            log.chmod(0o666)
            errors.chmod(0o666)
        return subprocess.Popen(
            service.command,
            cwd=service.folder,
            stdout=output,
            stderr=complaints,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
