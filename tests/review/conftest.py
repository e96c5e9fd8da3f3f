"""Review's desk and routes without servers: events in a list, keys in a dictionary."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.popo import POPOApplicationRecorder

from services.chassis.clock import BusinessClock
from services.chassis.desk import Desk
from services.chassis.keyring import Keyring
from services.chassis.tokens import Claims
from services.chassis.views import Seen
from services.chassis.web import Health, make_app
from services.review.announce import announce
from services.review.api import router
from services.review.views import VIEWS


class KeysInMemory(Keyring):
    """Seals and opens as ever; only the table of keys is a dictionary."""

    def __init__(self):
        self.keys = {}

    def key(self, tenant, subject):
        return self.keys.get((tenant, subject))

    def _make(self, tenant, subject):
        return self.keys.setdefault((tenant, subject), AESGCM(AESGCM.generate_key(256)))


class FoldedRows:
    """Folds the views when they are asked for."""

    def __init__(self):
        self.desk = None

    def of(self, view, tenant):
        (found,) = [one for one in VIEWS if one.name == view]
        rows = {}
        for notification in self.desk.recorder.select_notifications(1, 10_000):
            recorded = self.desk.events.mapper.to_domain_event(notification)
            if recorded.about.tenant == tenant:
                seen = Seen(recorded.event, recorded.subject, tenant, recorded.about.time, notification.id)
                row = found.fold(rows.get(recorded.subject, {}), seen)
                if row is not None:
                    rows[recorded.subject] = row
        return list(rows.values())


class RoleTokens:
    """Takes `account:role` or `account:role:tenant` for a token."""

    def claims(self, token):
        account, role, *tenant = token.split(":")
        return Claims(sub=account, roles=(role,), tenant=tenant[0] if tenant else "minatono")


@pytest.fixture
def clock():
    clock = BusinessClock(settable=True)
    clock.set(datetime(2026, 9, 1, 3, tzinfo=UTC))
    return clock


@pytest.fixture
def desk(clock):
    rows = FoldedRows()
    rows.desk = Desk(
        service="review", recorder=POPOApplicationRecorder(), keyring=KeysInMemory(), clock=clock, announce=announce, rows=rows
    )
    return rows.desk


@pytest.fixture
def http(desk):
    app = make_app("review", RoleTokens(), Health(), lambda _: AsyncExitStack(), router(desk))

    async def send(who, method, path, body):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://review") as client:
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {who}"})

    return lambda who, method, path, body=None: asyncio.run(send(who, method, path, body))
