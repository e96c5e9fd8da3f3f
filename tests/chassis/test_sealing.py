"""Sealed fields: nothing typed is stored in clear, a destroyed key erases, a moved ciphertext does not open."""

from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.chassis.aggregate import step
from services.chassis.desk import Desk
from services.chassis.events import Refused
from services.chassis.keyring import ERASED, KeyFileUnusable, make_key_file, open_text, read_key_file, seal_text
from tests.chassis.conftest import CASHIER
from tests.chassis.rooms import TILL, TakeCoin, take_coin
from tests.conftest import Database

NOTE = "髙橋花子の財布から"


def test_nothing_typed_is_stored_in_clear(desk: Desk, database: Database):
    till = uuid4()
    desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note=NOTE)))
    with psycopg.connect(database.url()) as connection:
        rows = connection.execute("SELECT state FROM intake.events").fetchall()
    assert rows
    assert all(NOTE.encode() not in bytes(row[0]) and b"sealed:v1:" in bytes(row[0]) for row in rows)
    assert desk.state(TILL, till, CASHIER).notes == (NOTE,)


def test_destroying_the_key_erases_the_text_and_nothing_else(desk: Desk, database: Database):
    till = uuid4()
    desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=5, note=NOTE)))
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("UPDATE keyring.data_key SET wrapped = NULL WHERE subject = %s", (till,))
    state = desk.state(TILL, till, CASHIER)
    assert (state.total, state.notes) == (5, (ERASED,))
    with pytest.raises(Refused, match="destroyed"):
        desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note=NOTE)))


def test_a_text_moved_to_another_event_or_field_does_not_open():
    key, event = AESGCM(AESGCM.generate_key(256)), uuid4()
    sealed = seal_text(key, NOTE, event, "purpose")
    assert open_text(key, sealed, event, "purpose") == NOTE
    for other, field in ((uuid4(), "purpose"), (event, "reason")):
        with pytest.raises(InvalidTag):
            open_text(key, sealed, other, field)


def test_the_same_text_never_looks_the_same():
    key, event = AESGCM(AESGCM.generate_key(256)), uuid4()
    assert seal_text(key, NOTE, event, "purpose") != seal_text(key, NOTE, event, "purpose")


def test_a_key_file_is_private_kept_and_checked(tmp_path):
    path = tmp_path / "keyring.key"
    make_key_file(path)
    written = path.read_text()
    make_key_file(path)
    assert path.read_text() == written
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("not a key")
    with pytest.raises(KeyFileUnusable, match="ANKEN_KEY_FILE"):
        read_key_file(path)
