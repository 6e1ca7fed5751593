"""A certificate authority of one deployment, and the certificates of its servers, in files.

`internal-ca` is what clients trust; `internal-ca-key` leaves its folder for no container. Each
server has `internal-<name>-certificate` and `internal-<name>-key`.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_stack import files

# By the names under which clients find them; those of the documented further replicas too.
SERVERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "postgres": (
            "postgres-primary",
            "postgres-replica",
            *(f"postgres-replica-{number}" for number in range(2, 10)),
        ),
        "pgpool": ("pgpool",),
        "redis": ("redis",),
    }
)
# A server's own commands and health checks.
_ITSELF = ("localhost", "127.0.0.1")
_AUTHORITY_DAYS = 3_650
_SERVER_DAYS = 825
# With less left, a certificate is made anew.
_LEAST_DAYS = 90
# Clocks of several machines differ.
_BEFORE = dt.timedelta(hours=1)
_Named = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class Certificates:
    """The certificates in one folder; a missing or ageing one is made, any other kept."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    def make(self, *, now: dt.datetime) -> list[str]:
        """Return the names of the servers that were given a certificate.

        Where there is no authority, one is made, and then every server's certificate.

        Args:
            now: When they begin to be valid.
        """
        authority = self._authority()
        anew = authority is None
        if authority is None:
            authority = self._make_authority(now)
        made = [name for name in SERVERS if anew or self._ages(name, now)]
        for name in made:
            self._make_server(name, authority, now)
        return made

    def _authority(self) -> _Named | None:
        certificate, key = self._folder / "internal-ca", self._folder / "internal-ca-key"
        if not (certificate.exists() and key.exists()):
            return None
        loaded = load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key} is no key of an elliptic curve.")
        return x509.load_pem_x509_certificate(certificate.read_bytes()), loaded

    def _make_authority(self, now: dt.datetime) -> _Named:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"messaging, {now:%Y-%m-%d}")
        usage = _usage(signs_certificates=True)
        certificate = (
            _builder(name, name, key, now, _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(_identifier(key), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write("ca", certificate, key)
        return certificate, key

    def _make_server(self, name: str, authority: _Named, now: dt.datetime) -> None:
        issuer, signing = authority
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_alternative(one) for one in (*SERVERS[name], *_ITSELF)]
        origin = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        certificate = (
            _builder(_name(SERVERS[name][0]), issuer.subject, key, now, _SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_identifier(key), critical=False)
            .add_extension(origin, critical=False)
            .sign(signing, hashes.SHA256())
        )
        self._write(name, certificate, key)

    def _ages(self, name: str, now: dt.datetime) -> bool:
        path = self._folder / f"internal-{name}-certificate"
        if not (path.exists() and (self._folder / f"internal-{name}-key").exists()):
            return True
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        return certificate.not_valid_after_utc - now < dt.timedelta(days=_LEAST_DAYS)

    def _write(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files.write(self._folder / f"internal-{name}-key", pem)
        path = "internal-ca" if name == "ca" else f"internal-{name}-certificate"
        files.write(self._folder / path, certificate.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
