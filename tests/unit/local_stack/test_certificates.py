"""Certificates of a deployment: trusted by its authority alone, for their servers alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import (
    PolicyBuilder,
    ServerVerifier,
    Store,
    VerificationError,
)

from local_stack.certificates import SERVERS, Certificates

pytestmark = pytest.mark.unit
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"internal-{name}").read_bytes())


def verifier(folder: Path, name: str, now: dt.datetime = NOW) -> ServerVerifier:
    builder = PolicyBuilder().store(Store([certificate(folder, "ca")])).time(now)
    return builder.build_server_verifier(x509.DNSName(name))


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_known_by_each_of_its_names(tmp_path: Path, server: str) -> None:
    Certificates(tmp_path).make(now=NOW)
    mine = certificate(tmp_path, f"{server}-certificate")
    for name in (*SERVERS[server], "localhost"):
        assert verifier(tmp_path, name).verify(mine, [])
    others = {name for other in SERVERS if other != server for name in SERVERS[other]}
    for name in others:
        with pytest.raises(VerificationError):
            verifier(tmp_path, name).verify(mine, [])


def test_another_deployment_s_server_is_not_trusted(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        Certificates(folder).make(now=NOW)
    other = certificate(tmp_path / "b", "redis-certificate")
    with pytest.raises(VerificationError):
        verifier(tmp_path / "a", "redis").verify(other, [])


def test_what_is_valid_long_enough_stays(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    assert certificates.make(now=NOW) == list(SERVERS)
    before = contents(tmp_path)
    assert certificates.make(now=NOW + dt.timedelta(days=600)) == []
    assert contents(tmp_path) == before


def test_what_ages_is_renewed_and_trusted_as_before(tmp_path: Path) -> None:
    Certificates(tmp_path).make(now=NOW)
    before = contents(tmp_path)
    later = NOW + dt.timedelta(days=800)
    assert Certificates(tmp_path).make(now=later) == list(SERVERS)
    after = contents(tmp_path)
    same = {name for name in after if after[name] == before[name]}
    assert same == {"internal-ca", "internal-ca-key"}
    still = later + dt.timedelta(days=400)
    assert verifier(tmp_path, "redis", still).verify(certificate(tmp_path, "redis-certificate"), [])


def test_one_that_is_missing_is_made(tmp_path: Path) -> None:
    Certificates(tmp_path).make(now=NOW)
    (tmp_path / "internal-pgpool-key").unlink()
    assert Certificates(tmp_path).make(now=NOW) == ["pgpool"]


def test_another_authority_makes_all_anew(tmp_path: Path) -> None:
    Certificates(tmp_path).make(now=NOW)
    (tmp_path / "internal-ca").unlink()
    assert Certificates(tmp_path).make(now=NOW) == list(SERVERS)
