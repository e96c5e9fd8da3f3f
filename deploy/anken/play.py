"""A case played over HTTP as its people would: the office, two proposers, and a business clock that runs ninety days."""

import hashlib
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import yaml

from anken.case_file import CaseFile, Wish
from anken.client import Office, patiently
from services.chassis.clock import JST

DAYS: Final = 90
SERIES: Final = "R8"
SOURCE: Final = "source.csv"
CRITERIA: Final = range(1, 8)
REFUSED_CRITERION: Final = 4
REASONS: Final = {
    1: "誓約書及び登記事項証明書により、欠格事由に当たらないことを確かめた",
    2: "本人の数は千人以上で、ファイルの本人の数を超えない",
    3: "加工の方法は規則第62条の基準に適合する",
    4: "新たな産業の創出又は活力ある地域社会の実現に資する",
    5: "利用の期間は事業の目的に照らして必要な範囲である",
    6: "安全管理の措置は本人の権利利益を保護するために適切である",
    7: "作成は事務の遂行に著しい支障を及ぼさない",
}
UNMET_KEY: Final = 0
UNMET: Final = "事業の内容が公益に資することを示す書面から、新たな産業の創出等に資するとは認められない"


@dataclass(frozen=True, slots=True)
class Proposer:
    """Who proposes, under which account; every name is invented."""

    account: str
    name: str
    address: str
    representative: str


CONFORMING: Final = Proposer("proposer-1", "株式会社みなと分析研究所", "みなと野市港町4-5-6", "髙橋 一郎")
REFUSED: Final = Proposer("proposer-2", "合同会社みなと広告社", "みなと野市中央9-8-7", "﨑山 花子")


def form_7(wish: Wish, proposer: Proposer, day: Callable[[int], date]) -> dict[str, Any]:
    """Fill Form 7 in with a wish, for a play whose days are told by `day`."""
    return {
        "proposer_kind": "entity",
        "proposer": proposer.name,
        "address": proposer.address,
        "representative": proposer.representative,
        "principal_count": wish.principal_count,
        "wanted": wish.wanted,
        "purpose": wish.purpose,
        "business": wish.business,
        "use_from": str(day(45)),
        "use_to": str(day(DAYS - 1)),
        "period_reason": wish.period_reason,
        "safeguards": wish.safeguards,
        "delivery_method": wish.delivery_method,
        "attachments": [{"kind": kind, "made": str(day(1))} for kind in ("pledge", "public_benefit", "registry_certificate")],
    }


class Play:
    """Plays the parts. `say` is told each step as it is done, with its business day."""

    def __init__(self, office: Office, case_file: CaseFile, today: date, say: Callable[[date, str], None]) -> None:
        self.office = office
        self.case_file = case_file
        self.today = today
        self.say = say
        self.file = ""
        self.call = ""
        self.specification = ""
        self.reasons = {**REASONS, UNMET_KEY: UNMET}

    def day(self, number: int) -> date:
        """Give a day of the play: 0 is ninety days ago, 90 is today."""
        return self.today - timedelta(days=DAYS - number)

    def at(self, number: int, what: str) -> None:
        """Move every service's business clock to ten o'clock of a day."""
        moment = datetime.combine(self.day(number), time(10), JST)
        self.office.set_clock(min(moment, datetime.now(JST)))
        self.say(self.day(number), what)

    def to_the_extract(self, vault: Path, source: Path) -> tuple[str, str, int]:
        """Play a case up to its extract and another up to its refusal; gives both ids and the fee in yen."""
        self.open_call()
        self.keep_specification(vault, source)
        case, refused = self.propose(CONFORMING), self.propose(REFUSED)
        self.find_complete(case, refused)
        self.screen(case)
        self.screen(refused, REFUSED_CRITERION)
        self.refuse(refused)
        self.decide(case)
        fee = self.contract(case, CONFORMING)
        self.create(case)
        return case, refused, fee

    def open_call(self) -> None:
        """Register, assess and flag the file, publish the call, and let its window open."""
        entry = self.case_file.register_entry
        self.at(0, "file registered, assessed and flagged; call published")
        body = {"body": entry.body, "of_assembly": entry.of_assembly, "principal_count": entry.principal_count, "fields": entry.fields}
        self.file = self._post("owner", "intake", "/files", body)["subject"]
        findings = [{"condition": f"60(3)({roman})", "met": True, "reason": "審査票のとおり"} for roman in ("i", "ii", "iii")]
        self._post("owner", "intake", f"/files/{self.file}/eligibility", {"findings": findings})
        self._post("head", "intake", f"/files/{self.file}/flag", {"unit": entry.proposal_unit})
        window = {"starts": str(self.day(6)), "ends": str(self.day(67))}
        call = {"number": self.free_number(), "body": entry.body, "files": [self.file], **window}
        self.call = self._post("head", "intake", "/calls", call)["subject"]
        self.at(6, "call opens")

    def free_number(self) -> str:
        """Give the next call number that has not been used: what is kept may hold calls of earlier runs."""
        used = {call["number"] for call in self.office.call("head", "GET", "intake", "/calls")}
        return next(number for number in (f"{SERIES}-{count:02d}" for count in itertools.count(1)) if number not in used)

    def propose(self, proposer: Proposer) -> str:
        """Submit Form 7; gives the case's id."""
        self.at(8, f"proposal of {proposer.account} submitted")
        body = {"call": self.call, "file": self.file, "form": self.form(proposer), "request": str(uuid4())}
        case: str = self._post("proposer", "intake", "/proposals", body, proposer.account)["subject"]
        return case

    def form(self, proposer: Proposer) -> dict[str, Any]:
        """Fill Form 7 in."""
        return form_7(self.case_file.proposal, proposer, self.day)

    def find_complete(self, *cases: str) -> None:
        """Have the proposals found complete."""
        self.at(10, "proposals found complete")
        for case in cases:
            self._post("coordinator", "intake", f"/proposals/{case}/completeness")
        for case in cases:
            self._told(case, "ScreeningStarted")

    def keep_specification(self, folder: Path, source: Path) -> None:
        """Lay the source file into the protected place and hand the specification over; its digest is what is decided."""
        place = folder / "sources" / self.office.tenant
        place.mkdir(mode=0o700, exist_ok=True, parents=True)
        shutil.copyfile(source, place / SOURCE)
        text = yaml.safe_dump(self.case_file.specification, allow_unicode=True, sort_keys=False)
        self.specification = self.office.post_text("creator", "anonymizer", "/specifications", text)["specification"]

    def screen(self, case: str, unmet: int | None = None) -> None:
        """Find on all seven criteria; `unmet` is the one that is not met, if any."""
        self.at(15, "seven criteria found" + (f", number {unmet} not met" if unmet else ""))
        for criterion in CRITERIA:
            finding: dict[str, Any] = {"criterion": criterion, "met": criterion != unmet}
            finding["reason"] = self.reasons[UNMET_KEY if criterion == unmet else criterion]
            if criterion == 3:  # noqa: PLR2004 - the criterion on the processing method (Art. 114(1)(iii))
                finding["specification"] = self.specification
            self._post("coordinator", "review", f"/cases/{case}/findings", finding)

    def refuse(self, case: str) -> None:
        """Decide that the case does not conform and say so (Form 11)."""
        self.at(16, "decided: not conforming; notified")
        self._post("head", "review", f"/cases/{case}/decision", {"outcome": "non_conforming", "reasons": self.reasons[UNMET_KEY]})
        self._post("coordinator", "review", f"/cases/{case}/notice", {})

    def decide(self, case: str) -> None:
        """Estimate, decide that the case conforms, notify (Form 9)."""
        self.at(18, "creation time and fee estimated")
        self._post("owner", "review", f"/cases/{case}/cost", {"creation_minutes": 8 * 60, "outsourcing": 0})
        self._told(case, "FeeEstimated")
        self.at(20, "decided: conforming; notified")
        self._post("head", "review", f"/cases/{case}/decision", {"outcome": "conforming", "specification": self.specification})
        notice = {
            "payment_method": "bank_transfer",
            "payment_due": str(self.day(50)),
            "delivery_method": self.case_file.proposal.delivery_method,
        }
        self._post("coordinator", "review", f"/cases/{case}/notice", notice)

    def contract(self, case: str, proposer: Proposer) -> int:
        """Apply, be invoiced, pay, conclude; gives the fee in yen."""
        self.at(25, "contract applied for; fee invoiced")
        self._post("proposer", "review", f"/cases/{case}/contract-application", account=proposer.account)
        total = int(self._told(case, "FeeInvoiced")["data"]["total"])
        self.at(30, "fee paid")
        payment = {"amount": total, "received": str(self.day(30)), "reference": f"bank-{case[-8:]}"}
        self._post("finance", "billing", f"/cases/{case}/payments", payment)
        self.at(32, "contract concluded")
        self._post("head", "review", f"/cases/{case}/contract")
        return total

    def create(self, case: str) -> None:
        """Plan, produce, have a second person check, destroy the keys, update the register."""
        self.at(35, "processing planned; extract produced")
        plan = {"specification": self.specification, "source": SOURCE}
        self._post("creator", "anonymizer", f"/cases/{case}/plan", plan)
        self.office.call("creator", "POST", "anonymizer", f"/cases/{case}/production")
        self.at(37, "extract verified by a second person; keys destroyed; register updated")
        self.office.call("creator", "POST", "anonymizer", f"/cases/{case}/verification", account="creator-2")
        self.office.call("creator", "POST", "anonymizer", f"/cases/{case}/key-destruction", account="creator-2")
        reuse = {"reuse_from": str(self.day(60)), "reuse_to": str(self.day(60) + timedelta(days=3 * 365))}
        self._post("coordinator", "intake", f"/proposals/{case}/register", {"unit": self.case_file.register_entry.proposal_unit, **reuse})

    def deliver(self, case: str, proposer: Proposer, bundle: Path) -> None:
        """Release once, collect, acknowledge by the digest of what arrived."""
        self.at(40, "extract delivered and acknowledged")
        released = self._post("owner", "anonymizer", f"/cases/{case}/delivery")
        answer = self.office.send("proposer", "GET", "anonymizer", f"/deliveries/{released['token']}", account=proposer.account)
        bundle.write_bytes(answer.content)
        received = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        self._post("proposer", "anonymizer", f"/cases/{case}/acknowledgement", {"received": received}, proposer.account)

    def end_use(self) -> None:
        """Let the period of use run out."""
        self.at(DAYS, "use ends")

    def report(self, case: str) -> bytes:
        """Fetch the processing report, which stays with the office."""
        return self.office.send("creator", "GET", "anonymizer", f"/cases/{case}/report").content

    def _told(self, case: str, name: str) -> Any:  # noqa: ANN401 - JSON
        """Wait until the case log tells of an event of a case; the clock must not run ahead of what follows from it."""

        def look() -> Any:  # noqa: ANN401 - JSON
            entries = self.office.call("auditor", "GET", "caselog", f"/cases/{case}/history")["entries"]
            found = [entry for entry in entries if entry["name"] == name]
            if not found:
                raise self.office.not_yet("caselog", name)
            return found[-1]

        return patiently(look)

    def _post(self, role: str, service: str, path: str, body: object = None, account: str = "") -> Any:  # noqa: ANN401 - JSON
        return patiently(lambda: self.office.call(role, "POST", service, path, body, account))
