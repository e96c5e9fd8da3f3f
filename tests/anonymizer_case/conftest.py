"""The anonymizer behind its real routes, desk, vault and engine; only the database and the token's signature are left out."""

import asyncio
import json
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError
from eventsourcing.popo import POPOProcessRecorder
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from contracts import billing, intake, review
from services.anonymizer.announce import announce
from services.anonymizer.api import router
from services.anonymizer.reactions import REACTIONS
from services.anonymizer.vault import Vault
from services.anonymizer.views import VIEWS
from services.chassis.actor import service_actor
from services.chassis.clock import BusinessClock, start_of
from services.chassis.desk import Desk
from services.chassis.heard import Heard
from services.chassis.problems import install_problems
from services.chassis.recorded import RecordedMapper
from services.chassis.recorder import VersionConflict
from services.chassis.tokens import Claims
from services.chassis.views import Seen

CASE, PARTY, FILE = UUID(int=1), UUID(int=2), UUID(int=3)
TODAY = date(2026, 11, 1)
SEALED = "sealed:v1:AAAA"

SPECIFICATION = {
    "spec_version": 1,
    "unit": "person",
    "input": {"delimiter": ",", "encoding": "utf-8"},
    "columns": [
        {"name": "氏名", "role": "direct_identifier", "rule_items": ["P1"], "technique": {"kind": "drop", "reason": "names a person"}},
        {
            "name": "年齢",
            "role": "quasi",
            "rule_items": ["P1", "P5"],
            "technique": {"kind": "generalise", "by": "band", "width": 10},
        },
        {"name": "要介護度", "role": "other", "technique": {"kind": "keep", "reason": "shared by many"}},
    ],
    "standard": {
        "P1": {"measure": "names are dropped"},
        "P2": {"not_applicable": "the file has no codes"},
        "P3": {"not_applicable": "nothing links the file"},
        "P4": {"measure": "small classes are deleted"},
        "P5": {"measure": "ages in bands"},
    },
    "risk": {"k": 5, "quasi": ["年齢"]},
    "output": {"columns": [{"column": "年齢", "name": "年齢階級"}, {"column": "要介護度", "name": "要介護度"}], "row_number": "番号"},
}


def people(count, start=0):
    """Give CSV lines of fictional people, evenly spread over five bands of age."""
    return "".join(f"架空{number},{20 + number % 50},{number % 5 + 1}\n" for number in range(start, start + count))


def submitted():
    return intake.ProposalSubmitted(
        receipt_number="R8-0001",
        kind="NEW",
        body="minatono",
        call=UUID(int=4),
        call_event=UUID(int=5),
        file=FILE,
        file_event=UUID(int=6),
        register_version=1,
        party=PARTY,
        principal_count=1000,
        file_principal_count=1200,
        recorded_items=("氏名", "年齢", "要介護度"),
        wanted_items=("年齢", "要介護度"),
        granularity=SEALED,
        proposer=SEALED,
        address=SEALED,
        representative=None,
        purpose=SEALED,
        business=SEALED,
        use_from=date(2027, 4, 1),
        use_to=date(2028, 3, 31),
        period_reason=SEALED,
        safeguards=SEALED,
        delivery_method="download",
        attachments=(),
        received=TODAY,
    )


def registered(items=("氏名", "年齢", "要介護度")):
    return intake.FileRegistered(body="minatono", version=1, principal_count=1200, recorded_items=items, entry_digest=f"sha256:{'0' * 64}")


def decided(specification, outcome="conforming"):
    return review.ScreeningDecided(
        outcome=outcome,
        failed=(),
        reasons=None,
        specification=specification,
        file=FILE,
        party=PARTY,
        principal_count=1000,
        fee=52_600,
    )


def concluded(party=PARTY):
    return review.ContractConcluded(
        contract_number="C-1",
        party=party,
        use_from=date(2027, 4, 1),
        use_to=date(2028, 3, 31),
        delivery_method="download",
        concluded=TODAY,
    )


def paid(outstanding=0):
    return billing.FeePaid(amount=52_600, received=TODAY, outstanding=outstanding)


def register_updated():
    return intake.RegisterUpdated(
        file=FILE,
        version=2,
        principal_count=1200,
        items=("年齢階級", "要介護度"),
        reuse_from=TODAY,
        reuse_to=date(2029, 3, 31),
        entry_digest=f"sha256:{'0' * 64}",
    )


def heard(event, actor="service:intake"):
    subject = FILE if isinstance(event, intake.FileRegistered) else CASE
    return Heard(event=event, id=UUID(int=9), subject=subject, tenant="minatono", actor=actor, time=datetime.now(UTC), today=TODAY)


@pytest.fixture(scope="session")
def told():
    """Give the makers of what other services tell."""
    return SimpleNamespace(
        registered=registered,
        submitted=submitted,
        decided=decided,
        concluded=concluded,
        paid=paid,
        register_updated=register_updated,
        heard=heard,
    )


class MemoryRecorder(POPOProcessRecorder):
    """Stored events in memory, with the conflict the desk expects."""

    def insert_events(self, stored_events, **_):
        try:
            return super().insert_events(stored_events)
        except IntegrityError as error:
            raise VersionConflict(str(error)) from None

    def recorded(self):
        mapper = RecordedMapper()
        return [(stored.id, mapper.to_domain_event(stored)) for stored in self.select_notifications(start=1, limit=10_000)]


class FoldedRows:
    """View rows folded from the store whenever they are asked for."""

    def __init__(self, recorder):
        self.recorder = recorder

    def of(self, name, tenant):
        [view] = [view for view in VIEWS if view.name == name]
        rows = {}
        for position, one in self.recorder.recorded():
            seen = Seen(event=one.event, subject=one.subject, tenant=one.about.tenant, time=one.about.time, position=position)
            row = view.fold(rows.get(one.subject, {}), seen)
            if row is not None and seen.tenant == tenant:
                rows[one.subject] = row
        return [*rows.values()]


class Room:
    """The room of one test; `who` is `account/role`."""

    def __init__(self, folder):
        self.vault = Vault(folder / "vault")
        self.recorder = MemoryRecorder()
        clock = BusinessClock(settable=True)
        clock.set(start_of(TODAY))
        rows = FoldedRows(self.recorder)
        self.desk = Desk(service="anonymizer", recorder=self.recorder, keyring=None, clock=clock, announce=announce, rows=rows)
        self.app = FastAPI()
        self.app.state.token_check = SimpleNamespace(claims=claims_of)
        install_problems(self.app)
        self.app.include_router(router(self.desk, self.vault))

    def hear(self, event, actor="service:intake"):
        return self.desk.take(service_actor("anonymizer", "minatono"), *REACTIONS[type(event)](heard(event, actor)))

    async def _send(self, method, path, who, **content):
        async with AsyncClient(transport=ASGITransport(self.app), base_url="http://anonymizer") as client:
            return await client.request(method, path, headers={"Authorization": f"Bearer {who}"}, **content)

    def call(self, method, path, who, tenant="minatono", **body):
        return asyncio.run(self._send(method, path, f"{who}/{tenant}", json=body or None))

    def send(self, path, who, text, tenant="minatono"):
        return asyncio.run(self._send("POST", path, f"{who}/{tenant}", content=text))

    def step(self, what, who="maker/creator", **body):
        return self.call("POST", f"/cases/{CASE}/{what}", who, **body)

    def lay_source(self, text, name="care.csv"):
        (self.vault.sources("minatono") / name).write_text("氏名,年齢,要介護度\n" + text)

    def kept(self, specification=SPECIFICATION):
        return self.send("/specifications", "maker/creator", json.dumps(specification)).json()["specification"]

    def contracted(self):
        """Bring the case to where processing may be planned; gives the decided digest."""
        self.lay_source(people(1200))
        named = self.kept()
        for event in (registered(), decided(named), paid(), concluded()):
            self.hear(event)
        self.hear(submitted(), "acct-1")
        return named

    def produced(self):
        named = self.contracted()
        assert self.step("plan", specification=named, source="care.csv").json()["events"] == ["ProcessingPlanned"]
        assert self.step("production").json()["events"] == ["ExtractProduced"]

    def deliverable(self):
        self.produced()
        assert self.step("verification", "checker/creator").json()["events"] == ["ExtractVerified"]
        assert self.step("key-destruction").json()["events"] == ["KeysDestroyed"]
        self.hear(register_updated())

    def shown(self, who="maker/creator"):
        return self.call("GET", f"/cases/{CASE}", who).json()

    def announced(self):
        """Give the contract events said so far, as text."""
        return [stored.value.decode() for stored in self.recorder._stored_events if stored.value]

    @staticmethod
    def specification():
        return json.loads(json.dumps(SPECIFICATION))

    people = staticmethod(people)
    case = CASE


def claims_of(token):
    account, role, tenant = token.split("/")
    return Claims(sub=account, roles=(role,), tenant=tenant)


@pytest.fixture
def room(tmp_path):
    """Give a room of its own."""
    return Room(tmp_path)
