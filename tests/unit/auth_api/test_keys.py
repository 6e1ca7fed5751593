"""The signing keys: the last one signs, all verify, changes are found without a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from auth_api.keys import SigningKeys
from runtime.errors import SettingsError
from tests.unit.auth_api.keys import write_key
from web.keys import read_jwks

pytestmark = pytest.mark.unit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_key_whose_name_sorts_last_signs(tmp_path: Path) -> None:
    for kid in ("b", "c", "a"):
        write_key(tmp_path, kid)
    keys = SigningKeys(tmp_path)
    assert keys.current().kid == "c"
    assert all(keys.get(kid) is not None for kid in "abc")
    assert keys.get("d") is None


def test_the_published_keys_are_the_public_halves(tmp_path: Path) -> None:
    one, two = write_key(tmp_path, "one"), write_key(tmp_path, "two")
    document = SigningKeys(tmp_path).jwks()
    published = read_jwks(document)
    assert published["one"] == one.public_key()
    assert published["two"] == two.public_key()
    assert '"d"' not in repr(document).replace("'", '"')


def test_a_new_key_signs_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    write_key(tmp_path, "a")
    keys = SigningKeys(tmp_path, clock=clock)
    write_key(tmp_path, "b")
    assert keys.current().kid == "a"
    clock.now += 1
    assert keys.current().kid == "b"
    assert keys.get("a") is not None


def test_a_key_that_another_process_found_first_verifies_at_once(tmp_path: Path) -> None:
    write_key(tmp_path, "a")
    keys = SigningKeys(tmp_path, clock=Clock())
    write_key(tmp_path, "b")
    assert keys.get("b") is not None


def test_a_new_key_is_published_at_once(tmp_path: Path) -> None:
    write_key(tmp_path, "a")
    keys = SigningKeys(tmp_path, clock=Clock())
    write_key(tmp_path, "b")
    assert set(read_jwks(keys.jwks())) == {"a", "b"}


def test_a_removed_key_verifies_no_longer(tmp_path: Path) -> None:
    clock = Clock()
    write_key(tmp_path, "a")
    write_key(tmp_path, "b")
    keys = SigningKeys(tmp_path, clock=clock)
    (tmp_path / "a.pem").unlink()
    clock.now += 1
    assert keys.get("a") is None


def test_what_cannot_be_read_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    clock = Clock()
    write_key(tmp_path, "a")
    keys = SigningKeys(tmp_path, clock=clock)
    (tmp_path / "b.pem").write_text("nonsense")
    clock.now += 1
    assert keys.current().kid == "a"
    (tmp_path / "b.pem").unlink()
    (tmp_path / "a.pem").unlink()
    clock.now += 1
    assert keys.current().kid == "a"


def test_a_folder_without_keys_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no key"):
        SigningKeys(tmp_path)


def test_a_key_of_another_kind_is_a_settings_error(tmp_path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "a.pem").write_bytes(pem)
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        SigningKeys(tmp_path)
