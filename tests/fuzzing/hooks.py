"""What schemathesis loads: who sends the requests, and what real values they carry."""

from __future__ import annotations

import os
from typing import Any

import httpx
import schemathesis
from schemathesis import AuthContext, Case, HookContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

from tests.fuzzing.exemptions import is_excused
from tests.fuzzing.people import People, Person
from tests.fuzzing.values import RealValues

_CLIENT = httpx.Client(base_url=os.environ["FUZZING_URL"], timeout=30)
_PEOPLE = People(_CLIENT)
_VALUES = RealValues(_CLIENT, _PEOPLE)

# What ends the session or the account that does it: each gets one to throw away.
_ENDING = {
    ("POST", "/auth/v1/logout"),
    ("POST", "/auth/v1/password"),
    ("DELETE", "/auth/v1/sessions"),
    ("DELETE", "/auth/v1/me"),
    # A refresh token is good for one use; used later it ends its session.
    ("POST", "/auth/v1/token"),
}


# Lists its sessions and ends them one by one, each time from another: a link gives their ids.
_SPARE = _PEOPLE.new().name
_SESSIONS = {("GET", "/auth/v1/sessions"), ("DELETE", "/auth/v1/sessions/{session_id}")}


@schemathesis.auth(refresh_interval=None)
class Sessions:
    """Logs in real accounts, and refreshes the session of the one that goes on."""

    def get(self, case: Case[Any], context: AuthContext) -> Person:
        operation = (case.operation.method.upper(), case.operation.path)
        if operation in _SESSIONS:
            return _PEOPLE.login(_SPARE)
        return _PEOPLE.new() if operation in _ENDING else _PEOPLE.current()

    def set(self, case: Case[Any], data: Person, context: AuthContext) -> None:
        if case.operation.path == "/auth/v1/token":
            case.cookies["refresh_token_cookie"] = data.refresh_cookie
            case.headers["X-CSRF-TOKEN"] = data.csrf_token
        else:
            case.headers["Authorization"] = f"Bearer {data.token}"


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    _VALUES.put_into(case)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    _VALUES.remember(response)


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    return not is_excused(failure, case, response)
