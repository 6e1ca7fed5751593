"""The yardstick: a Flask application that answers one small JSON object."""

from __future__ import annotations

from flask import Flask, Response, jsonify

app = Flask(__name__)


@app.get("/")
def answer() -> Response:
    """Answer the least that an API can answer."""
    return jsonify(status="ok")
