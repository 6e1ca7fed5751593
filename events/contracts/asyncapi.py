"""The AsyncAPI 3.0 document of the event queue, made from the contracts and their golden files."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable
from typing import Any

import orjson

from events.contracts.envelope import CONTRACTS, READERS
from events.contracts.schemas import FORMS, Form

CONTENT_TYPE = "application/cloudevents+json"
# Of the whole; each type has versions of its own.
VERSION = "1"

_GOLDEN = importlib.resources.files("events.contracts") / "golden"
_DESCRIPTION = """The events between the APIs and the workers of the messaging service.

Each partition is an ordered event queue, a Redis Stream. What was appended is never changed; it is
trimmed once it is applied and older than the retention. Delivery is at least once and in order
within a partition: the `id` of an event tells a duplicate. A conversation lives in one partition.

Every version of a type that was ever written is listed and can be read. A version only grows by
optional fields, so ignore fields that you do not know. Schemas marked deprecated are not written
any more. An event whose text was erased says `"redacted": true` instead of it."""
_TAGS = {
    "message": "What people wrote.",
    "conversation": "How far people have read.",
    "account": "Who takes part.",
}


def document() -> dict[str, Any]:
    """Return the document, ready for JSON; it depends on the contracts alone."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:messaging:events",
        "info": {
            "title": "Messaging events",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
            "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"queue": _server()},
        "channels": {"eventQueue": _channel()},
        "operations": _operations(),
        "components": {
            "messages": {name: _message(name) for name in READERS},
            "schemas": {"envelope": _envelope(), **{f.name: f.json_schema() for f in FORMS}},
            "securitySchemes": {
                "redisUser": {
                    "type": "userPassword",
                    "description": "A Redis ACL user; each service has one of its own.",
                }
            },
        },
    }


def golden(name: str) -> bytes:
    """Return the golden file of the form `name`: an envelope as it was once written."""
    return (_GOLDEN / f"{name}.json").read_bytes()


def _server() -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "protocol": "redis",
        "description": "The Redis (Valkey) that keeps the event queues on disk.",
        "variables": {
            "host": {"default": "127.0.0.1", "description": "Where it listens."},
            "port": {"default": "6379", "description": "`messaging status` shows it."},
        },
        "security": [_ref("components", "securitySchemes", "redisUser")],
    }


def _channel() -> dict[str, Any]:
    return {
        "address": "queue:{partition}",
        "title": "Event queue",
        "summary": "The events of one partition, in order.",
        "description": (
            "A Redis Stream. Each entry has the fields `n`, its number within the partition, and"
            " `e`, the event."
        ),
        "servers": [_ref("servers", "queue")],
        "parameters": {
            "partition": {
                "description": (
                    "The partition: the low bits of the CRC-32 of the conversation's id."
                    " There are 16 unless set otherwise."
                ),
                "examples": ["0", "15"],
            }
        },
        "messages": {name: _ref("components", "messages", name) for name in READERS},
    }


def _operations() -> dict[str, Any]:
    channel = _ref("channels", "eventQueue")
    return {
        "append": {
            "action": "send",
            "channel": channel,
            "title": "Append",
            "summary": "A command was accepted, or an account deleted: the fact is appended.",
            "messages": _on_channel(CONTRACTS),
        },
        "project": {
            "action": "receive",
            "channel": channel,
            "title": "Project",
            "summary": "A worker applies the events of a partition, of whatever version.",
            "messages": _on_channel(READERS),
        },
    }


def _on_channel(names: Iterable[str]) -> list[dict[str, str]]:
    return [_ref("channels", "eventQueue", "messages", name) for name in names]


def _message(type_name: str) -> dict[str, Any]:
    forms = [form for form in FORMS if form.type_name == type_name]
    reader, first = READERS[type_name], forms[0]
    old = f" Read as {reader.contract.type_name()}." if first.deprecated else ""
    return {
        "name": type_name,
        "title": f"{reader.contract.TYPE}, version {reader.version}",
        "summary": f"{first.schema.__doc__}{old}",
        "contentType": CONTENT_TYPE,
        "correlationId": {
            "description": "The request that caused it, as `X-Request-ID` named it.",
            "location": "$message.payload#/requestid",
        },
        "payload": _payload(type_name, forms),
        "tags": [{"name": reader.contract.TYPE.partition(".")[0]}],
        "examples": [
            {"name": _key(form), "payload": orjson.loads(golden(form.name))} for form in forms
        ],
    }


def _payload(type_name: str, forms: list[Form]) -> dict[str, Any]:
    data = [_ref("components", "schemas", form.name) for form in forms]
    own = {
        "type": {"const": type_name},
        "source": {"const": READERS[type_name].contract.SOURCE},
        "data": data[0] if len(data) == 1 else {"anyOf": data},
    }
    deprecated = {"deprecated": True} if forms[0].deprecated else {}
    envelope = _ref("components", "schemas", "envelope")
    return {"allOf": [envelope, {"type": "object", "properties": own}], **deprecated}


def _envelope() -> dict[str, Any]:
    ids = {"type": "string", "format": "uuid"}
    texts = {"type": "string"}
    properties = {
        "specversion": {"const": "1.0"},
        "id": {**ids, "description": "Names the event for ever; a UUIDv7."},
        "source": {**texts, "format": "uri-reference", "description": "Where it was accepted."},
        "type": {**texts, "description": "The type and its version."},
        "time": {**texts, "format": "date-time", "description": "When it was accepted, UTC."},
        "partitionkey": {**ids, "description": "The id that leads to the partition."},
        "actor": {**ids, "description": "The account whose command it was."},
        "datacontenttype": {"const": "application/json"},
        "requestid": {**texts, "description": "`X-Request-ID` of the command, where known."},
        "traceparent": {**texts, "description": "W3C Trace Context, where the client sent one."},
        "data": {"type": "object", "description": "The event's own fields."},
    }
    optional = {"requestid", "traceparent"}
    return {
        "title": "CloudEvents 1.0 envelope",
        "description": "The structured JSON form; `actor` and `requestid` are our extensions.",
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _key(form: Form) -> str:
    return form.name.replace(".", "-")


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}
