"""Chat files: read whole, gzipped or not; what is wrong is said with line and field."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from cli.demo.chat_file import ChatLine, open_chat_file
from cli.demo.errors import ChatFileError

_GOOD = '{"sent_at": "2005-06-12T00:43:00Z", "from": "Ann", "to": "bob", "body": "hi"}\n'


def _lines(path: Path, most: int | None = None) -> list[ChatLine]:
    with open_chat_file(path) as chat:
        return list(chat.lines(most))


def _written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_line_becomes_a_message_with_its_number(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat", "\n" + _GOOD)
    assert _lines(path) == [ChatLine(number=2, sender="Ann", recipient="bob", body="hi")]


def test_gzip_is_known_by_its_content_whatever_the_name(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat.jsonl", gzip.compress((_GOOD * 3).encode()))
    assert len(_lines(path)) == 3


def test_only_so_many_messages_are_read_as_are_asked_for(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat", _GOOD * 2 + "rubbish\n")
    assert len(_lines(path, 2)) == 2


def test_a_file_can_be_read_again(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat", gzip.compress((_GOOD * 3).encode()))
    with open_chat_file(path) as chat:
        assert list(chat.lines()) == list(chat.lines())


def test_a_pipe_can_be_read_again(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(_GOOD * 3,))
    writer.start()
    with open_chat_file(pipe) as chat:
        assert len(list(chat.lines())) == len(list(chat.lines())) == 3
    writer.join()


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat", b"\xef\xbb\xbf" + _GOOD.encode())
    assert len(_lines(path)) == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2 is not JSON"),
        ("[" * 100_000, "line 2 is not JSON"),
        ('"text"', "line 2 is a string, not an object"),
        ("null", "line 2 is null, not an object"),
        ('{"to": "b", "body": "c"}', "line 2 has no field 'from'"),
        ('{"from": "a", "body": "c"}', "line 2 has no field 'to'"),
        ('{"from": "a", "to": "b"}', "line 2 has no field 'body'"),
        ('{"from": 1, "to": "b", "body": "c"}', "line 2 has a number as 'from'"),
        ('{"from": "a", "to": true, "body": "c"}', "line 2 has true or false as 'to'"),
        ('{"from": "a", "to": "b", "body": null}', "line 2 has null as 'body'"),
        ('{"from": "", "to": "b", "body": "c"}', "line 2 has an empty 'from'"),
        (json.dumps({"from": "a", "to": "b", "body": "c" * 2**20}), "line 2 is over 1 MiB long"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = _written(tmp_path / "chat", f"{_GOOD}{line}\n{_GOOD}")
    with pytest.raises(ChatFileError) as caught:
        _lines(path)
    assert f"{path}: {complaint}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "chat", _GOOD.encode() + b'{"from": "\xff"}\n')
    with pytest.raises(ChatFileError, match="line 2 is not UTF-8"):
        _lines(path)


@pytest.mark.parametrize("keep", [5, 60])
def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    path = _written(tmp_path / "chat", gzip.compress((_GOOD * 3).encode())[:keep])
    with pytest.raises(ChatFileError, match="gzip data is damaged or cut off"):
        _lines(path)


def test_a_gzip_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress((_GOOD * 3).encode()))
    packed[-6] ^= 0xFF  # of its checksum
    with pytest.raises(ChatFileError, match="gzip data is damaged"):
        _lines(_written(tmp_path / "chat", bytes(packed)))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ChatFileError, match="No such file"):
        _lines(tmp_path / "none")
    with pytest.raises(ChatFileError, match="Is a directory"):
        _lines(tmp_path)
