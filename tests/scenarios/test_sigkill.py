"""Relay and inbox killed with SIGKILL in mid-flight, again and again: nothing lost, nothing doubled, each case in order."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from anken.client import wait_until_ready
from anken.stack import Stack
from services.chassis.actor import Acting
from services.chassis.aggregate import step
from services.chassis.clock import BusinessClock
from services.chassis.desk import Desk
from services.chassis.events import Command
from services.chassis.room import make_desk
from services.chassis.settings import settings_for
from services.intake.events import Attachment, ProposalEvent, ProposalFoundComplete, ProposalSubmitted
from services.intake.proposal import PROPOSAL, Proposal
from services.intake.service import ROOM

pytestmark = pytest.mark.slow

CASES = 150
ROUNDS = 4
VICTIMS = ("intake", "review", "caselog")
COORDINATOR = Acting("coordinator-1", "coordinator", "minatono")
DAY = date(2026, 4, 1)


class Now(Command):
    """No argument: the events are given."""


def submitted(_: Proposal, __: Now) -> Iterator[ProposalEvent]:
    yield ProposalSubmitted(
        receipt_number="R8-0001", kind="NEW", body="mayor", call=uuid4(), call_event=uuid4(), file=uuid4(), file_event=uuid4(),
        register_version=1, party=uuid4(), principal_count=2000, file_principal_count=20_000, recorded_items=("a",), wanted_items=("a",),
        granularity="g", proposer="p", address="a", representative=None, purpose="p", business="b", use_from=DAY, use_to=DAY,
        period_reason="r", safeguards="s", delivery_method="download", attachments=(Attachment(kind="pledge", made=DAY),), received=DAY,
    )  # fmt: skip


def complete(_: Proposal, __: Now) -> Iterator[ProposalEvent]:
    yield ProposalFoundComplete(checked=("112(2)(i)",))


@pytest.fixture
def house() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="anken-test-"))
    with Stack(folder, private=True) as running:
        wait_until_ready(running.urls)
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def desk(house: Stack) -> Iterator[Desk]:
    settings = settings_for("intake", database_url=house.database_url, key_file=house.issuer_folder / "keyring.key")
    one, _, close = make_desk(ROOM, settings, BusinessClock())
    yield one
    close()


def test_nothing_is_lost_or_doubled(house: Stack, desk: Desk):
    cases = [uuid4() for _ in range(CASES)]
    writing = threading.Thread(target=write, args=(desk, cases))
    writing.start()
    rounds = 0
    while writing.is_alive() and rounds < ROUNDS:
        rounds += 1
        time.sleep(1)
        before = announced(house, "intake")
        for victim in VICTIMS:
            house.services.processes[victim].kill()
            house.services.processes[victim].join()
        assert announced(house, "intake") >= before
        house.restart(*VICTIMS)
    writing.join()
    assert rounds > 1, "nobody was killed while events were on their way"
    wait_until_ready(house.urls)
    deadline = time.monotonic() + 60
    expected = CASES * 3  # submitted, found complete, screening started
    while logged(house) < expected and time.monotonic() < deadline:
        time.sleep(0.1)
    with psycopg.connect(house.database_url) as connection:
        said = connection.execute(
            "SELECT event_id, value FROM intake.events WHERE partition IS NOT NULL UNION ALL"
            " SELECT event_id, value FROM review.events WHERE partition IS NOT NULL"
        ).fetchall()
        kept = connection.execute("SELECT event_id, subject, seq, type, line FROM caselog.entry ORDER BY idx").fetchall()
        started = connection.execute(
            "SELECT right(originator_id, 36)::uuid FROM review.events WHERE topic = 'review.ScreeningStarted'"
        ).fetchall()
        waiting = connection.execute("SELECT count(*) FROM caselog.waiting").fetchone()
    assert len(said) == expected
    assert len(kept) == expected
    assert {row[0] for row in said} == {row[0] for row in kept}
    values = {row[0]: bytes(row[1]) for row in said}
    assert all(bytes(line).endswith(b'"data":' + values[event] + b"}") for event, _, _, _, line in kept)
    assert sorted(row[0] for row in started) == sorted(cases)
    chains: dict[UUID, list[str]] = {case: [] for case in cases}
    for _, subject, seq, kind, _ in kept:
        chains[subject].append(kind.split(".")[3])
        assert seq == len(chains[subject])
    assert all(chain == ["proposal-submitted", "proposal-found-complete", "screening-started"] for chain in chains.values())
    assert waiting == (0,)


def write(desk: Desk, cases: list[UUID]) -> None:
    for case in cases:
        desk.take(COORDINATOR, step(PROPOSAL, case, submitted, Now()))
        desk.take(COORDINATOR, step(PROPOSAL, case, complete, Now()))
        time.sleep(0.01)


def announced(house: Stack, service: str) -> int:
    with psycopg.connect(house.database_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {service}.events WHERE partition IS NOT NULL").fetchone()  # noqa: S608 - our names
    return 0 if row is None else int(row[0])


def logged(house: Stack) -> int:
    with psycopg.connect(house.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM caselog.entry").fetchone()
    return 0 if row is None else int(row[0])
