"""Who proposes: an account's opaque party id, the same in all its cases of a tenant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.chassis.aggregate import Aggregate
from services.chassis.events import Command
from services.intake.events import PartyAdmitted
from services.intake.overtaken import Overtaken


@dataclass(frozen=True, slots=True)
class Party:
    """State folded from events."""

    party: UUID | None = None


def evolve(_: Party, event: PartyAdmitted) -> Party:
    """Fold one event."""
    return Party(event.party)


def party_subject(tenant: str, account: str) -> UUID:
    """Give the id of the stream that holds the party id of an account; the account itself is stored nowhere."""
    return uuid5(NAMESPACE_URL, f"urn:anken:party:{tenant}:{account}")


class AdmitParty(Command):
    party: UUID


def admit(party: Party, command: AdmitParty) -> Iterator[PartyAdmitted]:
    """Give an account its party id, once; another id for the same account is refused, as its cases would fall apart."""
    if party.party is None:
        yield PartyAdmitted(party=command.party)
    elif party.party != command.party:
        raise Overtaken("112", "party", "the account was admitted under another id meanwhile")


PARTY: Final = Aggregate("party", Party(), evolve)
