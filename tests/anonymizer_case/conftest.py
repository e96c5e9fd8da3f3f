"""The anonymizer behind its real routes, desk, vault and engine; only the database and the token's signature are left out."""

import json
from datetime import date

import pytest

from contracts import intake
from services.anonymizer.announce import announce
from services.anonymizer.api import router
from services.anonymizer.reactions import REACTIONS
from services.anonymizer.vault import Vault
from services.anonymizer.views import VIEWS
from services.chassis.actor import service_actor
from tests.case_events import (
    CASE,
    FILE,
    contract_concluded,
    fee_paid,
    file_registered,
    proposal_submitted,
    register_updated,
    screening_decided,
)
from tests.interleaving import heard
from tests.memory_desk import TENANT, caller, clock_on, memory_desk

TODAY = date(2026, 11, 1)

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


def decided(specification, outcome="conforming"):
    return screening_decided(specification=specification, outcome=outcome, principal_count=1000)


class Room:
    """The room of one test; `who` is `account:role`."""

    def __init__(self, folder):
        self.vault = Vault(folder / "vault")
        self.desk = memory_desk("anonymizer", announce, VIEWS, clock_on(TODAY), seals=False)
        self.recorder = self.desk.recorder
        self.http = caller("anonymizer", router(self.desk, self.vault))

    def hear(self, event, actor="service:intake"):
        told = heard(event, TODAY, actor=actor, subject=FILE if isinstance(event, intake.FileRegistered) else CASE)
        return self.desk.take(service_actor("anonymizer", TENANT), *REACTIONS[type(event)](told))

    def call(self, method, path, who, tenant=TENANT, **body):
        return self.http(f"{who}:{tenant}", method, path, body or None)

    def send(self, path, who, text, tenant=TENANT):
        return self.http(f"{who}:{tenant}", "POST", path, content=text)

    def step(self, what, who="maker:creator", **body):
        return self.call("POST", f"/cases/{CASE}/{what}", who, **body)

    def lay_source(self, text, name="care.csv"):
        (self.vault.sources(TENANT) / name).write_text("氏名,年齢,要介護度\n" + text)

    def kept(self, specification=SPECIFICATION):
        return self.send("/specifications", "maker:creator", json.dumps(specification)).json()["specification"]

    def contracted(self):
        """Bring the case to where processing may be planned; gives the decided digest."""
        self.lay_source(people(1200))
        named = self.kept()
        for event in (file_registered(), decided(named), fee_paid(), contract_concluded()):
            self.hear(event)
        self.hear(proposal_submitted(), "acct-1")
        return named

    def produced(self):
        named = self.contracted()
        assert self.step("plan", specification=named, source="care.csv").json()["events"] == ["ProcessingPlanned"]
        assert self.step("production").json()["events"] == ["ExtractProduced"]

    def deliverable(self):
        self.produced()
        assert self.step("verification", "checker:creator").json()["events"] == ["ExtractVerified"]
        assert self.step("key-destruction").json()["events"] == ["KeysDestroyed"]
        self.hear(register_updated())

    def shown(self, who="maker:creator"):
        return self.call("GET", f"/cases/{CASE}", who).json()

    def announced(self):
        """Give the contract events said so far, as text."""
        return [stored.value.decode() for stored in self.recorder._stored_events if stored.value]

    @staticmethod
    def specification():
        return json.loads(json.dumps(SPECIFICATION))

    people = staticmethod(people)
    case = CASE


@pytest.fixture
def room(tmp_path):
    """Give a room of its own."""
    return Room(tmp_path)
