"""Billing behind its real routes, desk and mapper; only the database and the token's signature are left out."""

import asyncio
from datetime import date
from types import SimpleNamespace
from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError
from eventsourcing.popo import POPOProcessRecorder
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from contracts import intake
from services.billing.announce import announce
from services.billing.api import router
from services.billing.views import VIEWS
from services.chassis.clock import BusinessClock, start_of
from services.chassis.desk import Desk
from services.chassis.problems import install_problems
from services.chassis.recorded import RecordedMapper
from services.chassis.recorder import VersionConflict
from services.chassis.tokens import Claims
from services.chassis.views import Seen

TODAY = date(2026, 11, 1)


class MemoryRecorder(POPOProcessRecorder):
    """Stored events in memory, with the conflict the desk expects."""

    def insert_events(self, stored_events, **_):
        try:
            return super().insert_events(stored_events)
        except IntegrityError as error:
            raise VersionConflict(str(error)) from None


class FoldedRows:
    """View rows folded from the store whenever they are asked for."""

    def __init__(self, recorder):
        self.recorder = recorder

    def of(self, name, tenant):
        [view] = [view for view in VIEWS if view.name == name]
        mapper, rows = RecordedMapper(), {}
        for stored in self.recorder.select_notifications(start=1, limit=10_000):
            one = mapper.to_domain_event(stored)
            seen = Seen(event=one.event, subject=one.subject, tenant=one.about.tenant, time=one.about.time, position=stored.id)
            row = view.fold(rows.get(one.subject, {}), seen)
            if row is not None and seen.tenant == tenant:
                rows[one.subject] = row
        return [*rows.values()]


@pytest.fixture
def room():
    """Give the room's desk, and `call(method, path, who, **body)` where who is `account/role`."""
    recorder = MemoryRecorder()
    clock = BusinessClock(settable=True)
    clock.set(start_of(TODAY))
    desk = Desk(service="billing", recorder=recorder, keyring=None, clock=clock, announce=announce, rows=FoldedRows(recorder))
    app = FastAPI()
    app.state.token_check = SimpleNamespace(claims=lambda token: Claims(**dict(zip(("sub", "roles", "tenant"), read(token), strict=True))))
    install_problems(app)
    app.include_router(router(desk))

    async def send(method, path, who, tenant, body):
        async with AsyncClient(transport=ASGITransport(app), base_url="http://billing") as client:
            return await client.request(method, path, headers={"Authorization": f"Bearer {who}/{tenant}"}, json=body or None)

    def call(method, path, who, tenant="minatono", **body):
        return asyncio.run(send(method, path, who, tenant, body))

    return SimpleNamespace(desk=desk, call=call, recorder=recorder)


def read(token):
    account, role, tenant = token.split("/")
    return account, (role,), tenant


@pytest.fixture
def submitted():
    """Give a proposal as intake announces it."""
    return intake.ProposalSubmitted(
        receipt_number="R8-0001",
        kind="NEW",
        body="minatono",
        call=UUID(int=4),
        call_event=UUID(int=5),
        file=UUID(int=3),
        file_event=UUID(int=6),
        register_version=1,
        party=UUID(int=2),
        principal_count=1000,
        file_principal_count=20_000,
        recorded_items=("氏名",),
        wanted_items=("氏名",),
        granularity="sealed:v1:AAAA",
        proposer="sealed:v1:AAAA",
        address="sealed:v1:AAAA",
        representative=None,
        purpose="sealed:v1:AAAA",
        business="sealed:v1:AAAA",
        use_from=date(2027, 4, 1),
        use_to=date(2028, 3, 31),
        period_reason="sealed:v1:AAAA",
        safeguards="sealed:v1:AAAA",
        delivery_method="download",
        attachments=(),
        received=TODAY,
    )
