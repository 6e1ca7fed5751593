"""Entity tags: the same state has the same tag, and who has it is answered 304."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from web.conditional import conditional_json, etag_for, has_current

pytestmark = pytest.mark.unit


def answer(header: str | None) -> Response:
    headers = {"If-None-Match": header} if header is not None else {}
    with Flask(__name__).test_request_context(headers=headers):
        return conditional_json({"a": 1})


TAG = answer(None).headers["ETag"]


def test_an_answer_has_a_weak_tag_and_may_be_kept_privately() -> None:
    response = answer(None)
    assert response.status_code == 200
    assert response.get_json() == {"a": 1}
    assert TAG.startswith('W/"')
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("header", [TAG, TAG.removeprefix("W/"), f'"x", {TAG}', "*"])
def test_who_has_the_present_state_gets_304_without_a_body(header: str) -> None:
    response = answer(header)
    assert response.status_code == 304
    assert response.get_data() == b""
    assert response.headers["ETag"] == TAG
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("header", ['"x"', "", "x", 'W/"'])
def test_who_has_another_state_gets_it(header: str) -> None:
    assert answer(header).status_code == 200


def test_parts_of_a_tag_do_not_run_together() -> None:
    assert etag_for("ab", "c") != etag_for("a", "bc")
    assert etag_for("ab", b"c") == etag_for(b"ab", "c")


def test_a_tag_known_beforehand_needs_no_payload() -> None:
    with Flask(__name__).test_request_context(headers={"If-None-Match": 'W/"abc"'}):
        assert has_current("abc")
        assert not has_current("abd")
