"""Fixtures: the sample API and a client of it."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.web.sample import sample_app


@pytest.fixture
def app() -> Flask:
    return sample_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
