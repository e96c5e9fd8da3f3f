"""The play of one round: a call of its own, and cases of both kinds that are played at the same time."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import yaml

from anken.case_file import CaseFile
from anken.client import TENANT
from anken.play import CRITERIA, REASONS, REFUSED_CRITERION, SOURCE, UNMET, Proposer, form_7
from services.chassis.clock import JST
from tests.chaos.counter import Counter, Refusal
from tests.chaos.house import House
from tests.chaos.ledger import Kind, Played
from tests.scenarios.people import people, written

DAYS: Final = 90
NOTICED, OPEN, OVER = 0, 8, DAYS
REQUESTS: Final = UUID("018f0000-0000-7000-8000-000000000000")
METHOD_CRITERION: Final = 3
RECORDS: Final = 1200
CONFORMING: Final[Kind] = "conforming"
LAST_STATUS: Final[dict[Kind, str]] = {"conforming": "use_ended", "refused": "non_conforming"}  # as intake hears it


@dataclass(frozen=True, slots=True)
class Script:
    """What the plays of a run have in common: the case file, today's date, the kept specification."""

    case_file: CaseFile
    today: date
    specification: str

    def day(self, number: int) -> date:
        """Give a day of the play: 0 is ninety days ago, 90 is today."""
        return self.today - timedelta(days=DAYS - number)

    def moment(self, number: int) -> datetime:
        """Give ten o'clock of a day of the play, or now if that has not come."""
        return min(datetime.combine(self.day(number), time(10), JST), datetime.now(JST))

    def form(self, proposer: Proposer) -> dict[str, Any]:
        """Fill Form 7 in."""
        return form_7(self.case_file.proposal, proposer, self.day)


def prepare(house: House, counter: Counter, case_file: CaseFile) -> Script:
    """Lay the source file into the protected place and hand the specification over, once a run."""
    place = house.vault / "sources" / TENANT
    place.mkdir(mode=0o700)
    (place / SOURCE).write_bytes(written(people(RECORDS)))
    text = yaml.safe_dump(case_file.specification, allow_unicode=True, sort_keys=False)
    answer = counter.send("creator", "POST", "anonymizer", "/specifications", content=text.encode()).json()
    return Script(case_file, datetime.now(JST).date(), answer["specification"])


class Round:
    """One round's play. `counter` makes a counter for a thread of its own."""

    def __init__(self, number: int, house: House, script: Script, counter: Callable[[int], Counter], seed: int) -> None:
        self.number = number
        self.house = house
        self.script = script
        self.counter = counter
        self.chance = random.Random(seed)
        self.file = ""
        self.call = ""
        self.played: list[Played] = []

    def open_call(self, at: Counter) -> None:
        """Register, assess and flag a file, publish the round's call, and let its window open."""
        entry, script = self.script.case_file.register_entry, self.script
        self.house.clock.set(script.moment(NOTICED))
        body = {"body": entry.body, "of_assembly": False, "principal_count": entry.principal_count, "fields": entry.fields}
        self.file = at.post("owner", "intake", "/files", body)["subject"]
        findings = [{"condition": f"60(3)({roman})", "met": True, "reason": "審査票のとおり"} for roman in ("i", "ii", "iii")]
        at.post("owner", "intake", f"/files/{self.file}/eligibility", {"findings": findings})
        at.post("head", "intake", f"/files/{self.file}/flag", {"unit": entry.proposal_unit})
        window = {"starts": str(script.day(6)), "ends": str(script.day(67))}
        call = {"number": f"R8-{self.number}", "body": entry.body, "files": [self.file], **window}
        self.call = at.post("head", "intake", "/calls", call)["subject"]
        self.house.clock.set(script.moment(OPEN))
        at.wait_for(lambda: bool(at.get("head", "intake", f"/calls/{self.call}")["status"] == "open"), "the call's opening")

    def play(self, kinds: list[Kind], delays: list[float], sleep: Callable[[float], None]) -> None:
        """Play the cases at the same time, each starting after its delay, and let their periods of use run out."""
        with ThreadPoolExecutor(len(kinds), f"round{self.number}") as threads:

            def one(which: int) -> Played:
                sleep(delays[which])
                with closing(self.counter(which + 1)) as at:
                    return self._case(at, kinds[which], which)

            played = list(threads.map(one, range(len(kinds))))
        self.house.clock.set(self.script.moment(OVER))
        with closing(self.counter(0)) as at:
            for case in played:
                last = LAST_STATUS[case.kind]
                path = f"/proposals/{case.case}"
                at.wait_for(lambda path=path, last=last: at.get("coordinator", "intake", path)["status"] == last, f"status {last}")
        self.played = played

    def _case(self, at: Counter, kind: Kind, which: int) -> Played:
        proposer = Proposer(f"chaos-{self.number}-{which}", f"合同会社みなと{self.number}の{which}", "みなと野市港町9-9-9", "架空 太郎")
        request = uuid5(REQUESTS, f"{self.number}/{which}")
        body = {"call": self.call, "file": self.file, "form": self.script.form(proposer), "request": str(request)}
        case = at.post("proposer", "intake", "/proposals", body, proposer.account)["subject"]
        at.post("coordinator", "intake", f"/proposals/{case}/completeness")
        self._screen(at, case, None if kind == CONFORMING else REFUSED_CRITERION)
        if kind == CONFORMING:
            self._contract(at, case, proposer)
            self._create(at, case)
            self._deliver(at, case, proposer)
        else:
            at.post("head", "review", f"/cases/{case}/decision", {"outcome": "non_conforming", "reasons": UNMET})
            at.post("coordinator", "review", f"/cases/{case}/notice", {})
        return Played(UUID(case), UUID(self.call), kind, self.number)

    def _screen(self, at: Counter, case: str, unmet: int | None) -> None:
        for criterion in CRITERIA:
            finding: dict[str, Any] = {"criterion": criterion, "met": criterion != unmet}
            finding["reason"] = UNMET if criterion == unmet else REASONS[criterion]
            if criterion == METHOD_CRITERION:
                finding["specification"] = self.script.specification
            at.post("coordinator", "review", f"/cases/{case}/findings", finding)

    def _contract(self, at: Counter, case: str, proposer: Proposer) -> None:
        at.post("owner", "review", f"/cases/{case}/cost", {"creation_minutes": 8 * 60, "outsourcing": 0})
        at.post("head", "review", f"/cases/{case}/decision", {"outcome": "conforming", "specification": self.script.specification})
        notice = {
            "payment_method": "bank_transfer",
            "payment_due": str(self.script.day(50)),
            "delivery_method": self.script.case_file.proposal.delivery_method,
        }
        at.post("coordinator", "review", f"/cases/{case}/notice", notice)
        at.post("proposer", "review", f"/cases/{case}/contract-application", account=proposer.account)

        def invoiced() -> bool:
            return at.get("finance", "billing", f"/cases/{case}")["total"] is not None

        at.wait_for(invoiced, "the invoice")
        total = int(at.get("finance", "billing", f"/cases/{case}")["total"])
        payment = {"amount": total, "received": str(self.script.day(OPEN)), "reference": f"bank-{case[-12:]}"}
        at.post("finance", "billing", f"/cases/{case}/payments", payment)
        at.post("head", "review", f"/cases/{case}/contract")

    def _create(self, at: Counter, case: str) -> None:
        at.post("creator", "anonymizer", f"/cases/{case}/plan", {"specification": self.script.specification, "source": SOURCE})
        at.post("creator", "anonymizer", f"/cases/{case}/production")
        at.post("creator", "anonymizer", f"/cases/{case}/verification", account="creator-2")
        at.post("creator", "anonymizer", f"/cases/{case}/key-destruction", account="creator-2")
        reuse = {"reuse_from": str(self.script.day(60)), "reuse_to": str(self.script.day(60) + timedelta(days=3 * 365))}
        at.post(
            "coordinator", "intake", f"/proposals/{case}/register", {"unit": self.script.case_file.register_entry.proposal_unit, **reuse}
        )

    def _deliver(self, at: Counter, case: str, proposer: Proposer) -> None:
        """Release and collect until it was collected: a token whose answer was lost is used up, and a fresh one is asked for."""
        while True:
            released = at.post("owner", "anonymizer", f"/cases/{case}/delivery")
            try:
                at.send("proposer", "GET", "anonymizer", f"/deliveries/{released['token']}", proposer.account)
            except Refusal as refused:
                if refused.rule != "109":
                    raise
            else:
                break
        at.post("proposer", "anonymizer", f"/cases/{case}/acknowledgement", {"received": released["bundle"]}, proposer.account)
