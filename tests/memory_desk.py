"""A desk without servers: events in a list, keys in a dictionary, views folded when they are asked for, routes called in place."""

import asyncio
from contextlib import AsyncExitStack
from datetime import date

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import IntegrityError
from eventsourcing.popo import POPOProcessRecorder
from httpx import ASGITransport, AsyncClient

from services.chassis.clock import BusinessClock, start_of
from services.chassis.desk import Desk
from services.chassis.keyring import Keyring
from services.chassis.recorded import RecordedMapper
from services.chassis.recorder import VersionConflict
from services.chassis.tokens import Claims
from services.chassis.views import Seen
from services.chassis.web import Health, make_app

TENANT = "minatono"


class MemoryRecorder(POPOProcessRecorder):
    """Stored events in memory, with the conflict the desk expects. What stands in `first` happens between a decision and its append."""

    def __init__(self):
        super().__init__()
        self.first = []

    def insert_events(self, stored_events, **_):
        while self.first:
            self.first.pop()()
        try:
            return super().insert_events(stored_events)
        except IntegrityError as error:
            raise VersionConflict(str(error)) from None

    def recorded(self):
        """Give each event with its position."""
        mapper = RecordedMapper()
        return [(stored.id, mapper.to_domain_event(stored)) for stored in self.select_notifications(start=1, limit=10_000)]


class KeysInMemory(Keyring):
    """Seals and opens as ever; only the table of keys is a dictionary."""

    def __init__(self):
        self.keys = {}

    def key(self, tenant, subject):
        return self.keys.get((tenant, subject))

    def _make(self, tenant, subject):
        return self.keys.setdefault((tenant, subject), AESGCM(AESGCM.generate_key(256)))


class FoldedRows:
    """Rows of the views, from the whole store."""

    def __init__(self, recorder, views):
        self.recorder = recorder
        self.views = {view.name: view for view in views}

    def of(self, name, tenant):
        view, rows = self.views[name], {}
        for position, one in self.recorder.recorded():
            if one.about.tenant == tenant and isinstance(one.event, view.of):
                row = view.fold(rows.get(one.subject, {}), Seen(one.event, one.subject, tenant, position))
                if row is not None:
                    rows[one.subject] = row
        return [*rows.values()]


class RoleTokens:
    """Takes `account:role` or `account:role:tenant` for a token."""

    def claims(self, token):
        account, role, *tenant = token.split(":")
        return Claims(sub=account, roles=(role,), tenant=tenant[0] if tenant else TENANT)


def clock_on(day: date) -> BusinessClock:
    """Give a clock that can be set and begins with that day."""
    clock = BusinessClock(settable=True)
    clock.set(start_of(day))
    return clock


def memory_desk(service, announce, views, clock, *, seals) -> Desk:
    """Give a service's desk; `seals` where the service has a grant on the keyring."""
    recorder = MemoryRecorder()
    keyring = KeysInMemory() if seals else None
    return Desk(service=service, recorder=recorder, keyring=keyring, clock=clock, announce=announce, rows=FoldedRows(recorder, views))


def caller(service, router):
    """Give `call(who, method, path, body)`, which answers as the service's own application does."""
    app = make_app(service, RoleTokens(), Health(), lambda _: AsyncExitStack(), router)

    async def send(who, method, path, **content):
        async with AsyncClient(transport=ASGITransport(app), base_url=f"http://{service}") as client:
            return await client.request(method, path, headers={"Authorization": f"Bearer {who}"}, **content)

    def call(who, method, path, body=None, **content):
        return asyncio.run(send(who, method, path, **({"json": body} if body is not None else {}), **content))

    return call
