"""A world of half-finished cases in the running services, to which bad requests are sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg

from anken.case_file import CaseFile
from anken.client import Office, patiently
from anken.play import SOURCE, Play, Proposer
from anken.stack import Stack
from contracts.topics import OWNERS
from services.chassis.clock import JST
from tests.scenarios.people import people, written
from tests.settled import settle

DAY = 37  # of the play: after fee and contract, with the call still open
OTHER_DIGEST = "sha256:" + "0" * 64


def proposer(number: int) -> Proposer:
    return Proposer(f"bad-{number}", f"合同会社誤入力{number}", "みなと野市港町9-9-9", "架空 太郎")


@dataclass(slots=True)
class World:
    """A call with its file, another file, a closed call, and cases that wait at different points."""

    stack: Stack
    office: Office
    play: Play
    other_file: str = ""
    closed: str = ""
    submitted: str = ""
    screening: str = ""
    invoiced: str = ""
    contracted: str = ""
    produced: str = ""

    def form(self, **changes: object) -> dict[str, Any]:
        """Give the body of a proposal whose form has changed; a member changed to `...` is left out."""
        form = {**self.play.form(proposer(9)), **changes}
        return {
            "call": self.play.call,
            "file": self.play.file,
            "form": {name: value for name, value in form.items() if value is not ...},
        }

    def lay(self, name: str, content: bytes) -> None:
        """Lay a source file into the protected place."""
        folder = self.stack.vault / "sources" / self.office.tenant
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    def versions(self) -> dict[str, int]:
        """Give the version of every stream of every service."""
        one = "SELECT '{0}/' || originator_id, max(originator_version) FROM {0}.events GROUP BY 1"
        parts = " UNION ALL ".join(one.format(owner) for owner in OWNERS)
        with psycopg.connect(self.stack.database_url) as connection:
            return dict(connection.execute(parts).fetchall())

    def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        settle(self.stack.database_url, self.play.day(DAY))


def build_world(stack: Stack, office: Office, case_file: CaseFile) -> World:
    """Play the cases up to where they wait; the business clock stays on day 37."""
    play = Play(office, case_file, datetime.now(JST).date(), lambda _day, _what: None)
    made = World(stack, office, play)
    play.open_call()
    entry = play.case_file.register_entry
    body = {"body": entry.body, "of_assembly": False, "principal_count": 5000, "fields": {**entry.fields, "name": "別のファイル"}}
    made.other_file = office.call("owner", "POST", "intake", "/files", body)["subject"]
    window = {"starts": str(play.day(6)), "ends": str(play.day(35))}
    closing = {"number": "R8-90", "body": entry.body, "files": [play.file], **window}
    made.closed = office.call("head", "POST", "intake", "/calls", closing)["subject"]
    made.lay("good.csv", written(people(1200)))
    play.keep_specification(stack.vault, stack.vault / "sources" / office.tenant / "good.csv")
    cases = [play.propose(proposer(number)) for number in range(5)]
    made.submitted, made.screening, made.invoiced, made.contracted, made.produced = cases
    play.find_complete(*cases[1:])
    for case in cases[2:]:
        play.screen(case)
    for case in cases[2:]:
        play.decide(case)
    play.at(25, "contract applied for")
    office.call("proposer", "POST", "review", f"/cases/{made.invoiced}/contract-application", account="bad-2")
    for number, case in ((3, made.contracted), (4, made.produced)):
        play.contract(case, proposer(number))
    play.at(DAY, "one extract produced; the other call is closed")
    plan = {"specification": play.specification, "source": SOURCE}
    for case in (made.contracted, made.produced):
        patiently(lambda case=case: office.call("creator", "POST", "anonymizer", f"/cases/{case}/plan", plan))
    office.call("creator", "POST", "anonymizer", f"/cases/{made.produced}/production")
    patiently(lambda: invoiced(office, made.invoiced))
    patiently(lambda: closed(office, made.closed))
    made.settle()
    return made


def invoiced(office: Office, case: str) -> None:
    if office.call("finance", "GET", "billing", f"/cases/{case}")["total"] is None:
        raise office.not_yet("billing", "invoice")


def closed(office: Office, call: str) -> None:
    if office.call("head", "GET", "intake", f"/calls/{call}")["status"] != "closed":
        raise office.not_yet("intake", "call")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a client sends it; `body` goes as JSON, `content` as it is."""

    role: str
    method: str
    service: str
    path: str
    body: Any = None
    account: str = ""
    content: bytes | None = None
    kind: str = "application/json"
    token: str | None = None

    def sent_by(self, office: Office) -> httpx.Response:
        token = office.token(self.role, self.account) if self.token is None else self.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = office.urls[self.service] + self.path
        content = json.dumps(self.body).encode() if self.body is not None else self.content
        if content is not None:
            headers["Content-Type"] = self.kind
        return office.http.request(self.method, url, content=content, headers=headers)


def refused(world: World, request: Request, status: int, rule: str, field: str) -> httpx.Response:
    """Send what must be refused: a problem with this status, rule and field that repeats nothing, and no stream moves."""
    before = world.versions()
    answer = request.sent_by(world.office)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["rule"], problem["field"]) == (status, rule, field), answer.text
    assert problem["status"] == status
    assert problem["type"].startswith("urn:anken:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert [value for value in values_of(request.body) if value in answer.text] == []
    assert world.versions() == before
    return answer


def values_of(body: object) -> Iterator[str]:
    """Give what somebody typed into a body: numbers and longer texts; a member's name is ours unless it is a wish."""
    match body:
        case dict():
            for name, value in body.items():
                yield from values_of(value)
                if not name.isascii():
                    yield name
        case list():
            for value in body:
                yield from values_of(value)
        case str() if len(body) > 6:
            yield body
        case int() if body > 9:
            yield str(body)
