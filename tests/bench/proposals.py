"""Cases that wait at intake's counter: proposals submitted with a whole form, typed text sealed under a key for each case."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import psycopg

from services.chassis.actor import Acting
from services.chassis.aggregate import step
from services.chassis.clock import BusinessClock
from services.chassis.desk import Desk
from services.chassis.room import make_desk
from services.chassis.settings import Settings
from services.intake.events import Attachment
from services.intake.form7 import Form7
from services.intake.proposal import PROPOSAL, CalledFile, SubmitProposal, submit
from services.intake.service import ROOM

TENANT: Final = "minatono"
PROPOSER: Final = Acting("proposer-1", "proposer", TENANT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
APPENDED_AT_ONCE: Final = 500
PAPERS: Final = ("pledge", "public_benefit", "registry_certificate")
ITEMS: Final = ("被保険者番号", "住所", "要介護度")


def submit_proposals(settings: Settings, owner: psycopg.Connection, count: int) -> list[UUID]:
    """Submit so many proposals as the counter does, without waiting for the disk; gives the cases."""
    # Making 10,000 keys one by one would take longer than what is measured.
    owner.execute("ALTER ROLE anken_intake SET synchronous_commit = off")
    desk, _, close = make_desk(ROOM, settings, BusinessClock())
    try:
        cases = [desk.new_id() for _ in range(count)]
        for first in range(0, count, APPENDED_AT_ONCE):
            submit_at_once(desk, cases[first : first + APPENDED_AT_ONCE])
    finally:
        close()
        owner.execute("ALTER ROLE anken_intake RESET synchronous_commit")
    return cases


def submit_at_once(desk: Desk, cases: Sequence[UUID]) -> None:
    """Decide some submissions and append them together."""
    reading = desk.reading().part(TENANT)
    for case in cases:
        desk.decide(reading, step(PROPOSAL, case, submit, submission(desk.today())), PROPOSER, None)
    desk.recorder.insert_events(desk.stored(reading))


def submission(today: date) -> SubmitProposal:
    """Fill in a form of the usual length for a file of an open call."""
    made = today - timedelta(days=30)
    form = Form7(
        proposer_kind="entity",
        proposer="株式会社みなと分析研究所",
        address="みなと野市港町4-5-6",
        representative="髙橋 一郎",
        principal_count=20_000,
        wanted={"要介護度": "そのまま", "住所": "町丁目まで"},
        purpose="介護需要の将来推計のための研究" * 5,
        business="介護サービスの計画の支援" * 5,
        use_from=today + timedelta(days=60),
        use_to=today + timedelta(days=120),
        period_reason="分析に二か月を要する",
        safeguards="施錠した室の外部と接続しない端末で利用する" * 3,
        delivery_method="optical_disc",
        attachments=tuple(Attachment(kind=kind, made=made) for kind in PAPERS),
    )
    called = CalledFile(
        call=UUID(int=2),
        call_status="open",
        call_event=UUID(int=11),
        starts=made,
        ends=today,
        files=(UUID(int=1),),
        file=UUID(int=1),
        file_event=UUID(int=12),
        body="mayor",
        register_version=2,
        principal_count=20_000,
        recorded_items=ITEMS,
    )
    return SubmitProposal(
        form=form, called=called, party=UUID(int=4), receipt_number="R8-0001", received=today, min_principals=1_000,
        required_papers=("pledge", "public_benefit", "identity"), certificate_max_age_months=6, attachment_kinds=PAPERS,
        delivery_methods=("download", "optical_disc"),
    )  # fmt: skip
