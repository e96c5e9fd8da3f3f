"""The keyring: one data key per subject, wrapped; what people type is sealed under it when an event is made.

Destroying a subject's key (its row keeps no key then) erases the text in every store, topic and backup and leaves every hash true.
"""

import base64
import secrets
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from services.chassis.events import Event, Refused, sealed_fields

E = TypeVar("E", bound=Event)

PREFIX: Final = "sealed:v1:"
ERASED: Final = "[erased]"
NONCE: Final = 12
KEY_BITS: Final = 256
DESTROYED: Final = "the key of this case was destroyed: nothing more can be written about it"


class KeyFileUnusable(RuntimeError):
    """The file that wraps the data keys is missing or malformed."""


def make_key_file(path: Path) -> None:
    """Write a fresh wrapping key, readable by the owner alone; an existing one is kept."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(KEY_BITS // 8) + "\n")


def read_key_file(path: Path | None) -> AESGCM:
    """Read the wrapping key (64 hex digits); raises KeyFileUnusable naming the variable."""
    try:
        return AESGCM(bytes.fromhex(path.read_text().strip())) if path else _no_key_file()
    except (OSError, ValueError) as error:
        message = f"ANKEN_KEY_FILE: {path} holds no key of {KEY_BITS} bits"
        raise KeyFileUnusable(message) from error


def _no_key_file() -> AESGCM:
    message = "ANKEN_KEY_FILE is not set"
    raise KeyFileUnusable(message)


class Keyring:
    """Seals and opens the marked fields of events. Only intake may make keys; a service without a grant opens nothing."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection], wrapping: AESGCM, *, makes_keys: bool) -> None:
        self.pool = pool
        self.wrapping = wrapping
        self.makes_keys = makes_keys

    def seal(self, event: E, event_id: UUID, tenant: str, subject: UUID) -> E:
        """Give the event with its marked fields sealed; raises Refused when the subject's key was destroyed."""
        texts = {name: value for name in sealed_fields(type(event)) if (value := getattr(event, name)) is not None}
        if not texts:
            return event
        key = self.key(tenant, subject) or self._make(tenant, subject)
        return event.model_copy(update={name: seal_text(key, value, event_id, name) for name, value in texts.items()})

    def key(self, tenant: str, subject: UUID) -> AESGCM | None:
        """Fetch a subject's data key, never cached: None once it is destroyed."""
        with self.pool.connection() as connection:
            row = connection.execute(
                "SELECT wrapped FROM keyring.data_key WHERE tenant = %s AND subject = %s", (tenant, subject)
            ).fetchone()
        return None if row is None or row[0] is None else self._unwrap(bytes(row[0]), tenant, subject)

    def _make(self, tenant: str, subject: UUID) -> AESGCM:
        if not self.makes_keys:
            raise Refused("sealing", "subject", DESTROYED)
        nonce = secrets.token_bytes(NONCE)
        wrapped = nonce + self.wrapping.encrypt(nonce, AESGCM.generate_key(KEY_BITS), _bound_to(tenant, subject))
        with self.pool.connection() as connection:
            connection.execute(
                "INSERT INTO keyring.data_key (tenant, subject, wrapped) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (tenant, subject, wrapped),
            )
        key = self.key(tenant, subject)
        if key is None:
            raise Refused("sealing", "subject", DESTROYED)
        return key

    def _unwrap(self, wrapped: bytes, tenant: str, subject: UUID) -> AESGCM:
        try:
            return AESGCM(self.wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], _bound_to(tenant, subject)))
        except InvalidTag:
            message = "ANKEN_KEY_FILE is not the key that wrapped this keyring"
            raise KeyFileUnusable(message) from None


def _bound_to(tenant: str, subject: UUID) -> bytes:
    return f"{tenant}/{subject}".encode()


def seal_text(key: AESGCM, text: str, event_id: UUID, field: str) -> str:
    """Seal one text; the associated data are the event's id and the field's name."""
    nonce = secrets.token_bytes(NONCE)
    sealed = nonce + key.encrypt(nonce, text.encode(), f"{event_id}/{field}".encode())
    return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_event(key: AESGCM | None, event: E, event_id: UUID) -> E:
    """Give the event with its sealed fields opened, or `[erased]` where the key is gone."""
    sealed = {name: value for name in sealed_fields(type(event)) if (value := getattr(event, name)) is not None}
    return event.model_copy(update={name: open_text(key, value, event_id, name) for name, value in sealed.items()}) if sealed else event


def open_text(key: AESGCM | None, sealed: str, event_id: UUID, field: str) -> str:
    """Open one text; `[erased]` without a key. Raises InvalidTag if it was moved from another event or field."""
    if key is None:
        return ERASED
    encoded = sealed.removeprefix(PREFIX)
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    return key.decrypt(raw[:NONCE], raw[NONCE:], f"{event_id}/{field}".encode()).decode()
