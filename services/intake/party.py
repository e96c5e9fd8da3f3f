"""Who proposes: an account's opaque party id, the same in all its cases of a tenant, and the requests it made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused
from services.intake.events import PartyAdmitted, PartyEvent, RequestFiled


@dataclass(frozen=True, slots=True)
class Party:
    """State folded from events; `cases` tells which request became which case."""

    party: UUID | None = None
    cases: Mapping[UUID, UUID] = field(default_factory=dict)


def evolve(party: Party, event: PartyEvent) -> Party:
    """Fold one event."""
    match event:
        case PartyAdmitted():
            return replace(party, party=event.party)
        case RequestFiled(request=request, case=case):
            return replace(party, cases={**party.cases, request: case})
        case _:
            assert_never(event)


def party_subject(tenant: str, account: str) -> UUID:
    """Give the id of the stream that holds the party id of an account; the account itself is stored nowhere."""
    return uuid5(NAMESPACE_URL, f"urn:anken:party:{tenant}:{account}")


class AdmitParty(Command):
    party: UUID


def admit(party: Party, command: AdmitParty) -> Iterator[PartyEvent]:
    """Give an account its party id, once; another id for the same account is refused, as its cases would fall apart."""
    if party.party is None:
        yield PartyAdmitted(party=command.party)
    elif party.party != command.party:
        raise Refused("112", "party", "the account was admitted under another id")


class FileRequest(Command):
    request: UUID
    case: UUID


def file_request(party: Party, command: FileRequest) -> Iterator[PartyEvent]:
    """Remember which case a request became, so that a client that lost the answer can ask again."""
    if command.request not in party.cases:
        yield RequestFiled(request=command.request, case=command.case)


PARTY: Final = Aggregate("party", Party(), evolve)
