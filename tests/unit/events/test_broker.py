"""How Celery, and Flower by it, reach the broker: by TLS it is verified in every way it is made."""

from __future__ import annotations

import ssl

import pytest
from kombu import Connection

from events.celery_app import create_celery
from runtime.settings import BrokerSettings, Secret

pytestmark = pytest.mark.unit


def broker(url: str) -> BrokerSettings:
    return BrokerSettings(url=url, password=Secret("pass/word"))


def test_a_broker_in_clear_knows_nothing_of_tls() -> None:
    app = create_celery(broker("redis://beat@redis:6379/1"), partitions=1)
    assert app.conf.broker_url == "redis://beat:pass%2Fword@redis:6379/1"
    assert not app.conf.broker_use_ssl
    assert not app.connection().ssl


def test_a_broker_by_tls_is_verified_wherever_a_connection_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = "rediss://beat@redis:6379/1?ssl_ca_certs=/run/secrets/internal-ca"
    app = create_celery(broker(address), partitions=1)
    # Celery's own, what Celery makes of the bare address, and what Flower takes.
    ways = [app.connection().ssl, Connection(app.conf.broker_url).ssl, app.conf.broker_use_ssl]
    for options in ways:
        assert options["ssl_ca_certs"] == "/run/secrets/internal-ca"
        assert options["ssl_check_hostname"] is True
        assert options["ssl_cert_reqs"] in {"required", ssl.CERT_REQUIRED}
    assert "insecure" not in caplog.text
