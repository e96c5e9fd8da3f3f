"""Handing the extract over: once, to the contractor alone, after payment and contract (Art. 109(2)(i), V29)."""

from collections.abc import Iterator

from services.anonymizer.events import (
    ContractNoted,
    DecisionNoted,
    DeliveryAcknowledged,
    DeliveryCollected,
    DeliveryReissued,
    ExtractDelivered,
    ExtractEvent,
    ExtractProduced,
)
from services.anonymizer.extract import Extract
from services.chassis.events import Command, Refused


class DeliverExtract(Command):
    """`token` and `bundle` are digests: of a fresh one-time token, and of the archive it opens."""

    token: str
    bundle: str


def deliverable(extract: Extract) -> tuple[ExtractProduced, DecisionNoted, ContractNoted]:
    """Give what is delivered to whom under which contract; raises Refused while anything is missing (V29, V31, Arts. 115-117, 119)."""
    if extract.contract is None:
        raise Refused("V29", "contract", "nothing is provided before the use contract is concluded")
    if not extract.settled:
        raise Refused("V29", "fee", "nothing is provided before the fee is paid")
    if extract.decision is None or extract.decision.party != extract.contract.party:
        raise Refused("115", "party", "the contract is not with the party whose proposal was found conforming")
    if extract.produced is None or not extract.verified:
        raise Refused("116", "extract", "no verified extract")
    if not extract.keys_destroyed:
        raise Refused("V31", "keys", "the keys still exist")
    if not extract.registered:
        raise Refused("117", "register", "the register does not say yet what was created")
    return extract.produced, extract.decision, extract.contract


def deliver(extract: Extract, command: DeliverExtract) -> Iterator[ExtractEvent]:
    """Release the extract; until it is acknowledged a second request gives a fresh token and takes the old one away."""
    produced, decision, contract = deliverable(extract)
    if extract.acknowledged is not None:
        raise Refused("109", "delivery", "the delivery has been acknowledged")
    if extract.delivered is not None:
        yield DeliveryReissued(token=command.token)
        return
    yield ExtractDelivered(
        party=decision.party,
        method=contract.delivery_method,
        parquet=produced.parquet,
        csv=produced.csv,
        bundle=command.bundle,
        token=command.token,
    )


class CollectDelivery(Command):
    account: str
    token: str


def collect(extract: Extract, command: CollectDelivery) -> Iterator[ExtractEvent]:
    """Use up the token; whoever comes second, or is not the proposer, is refused (Art. 109(2)(i))."""
    refuse_stranger(extract, command.account)
    if extract.token is None or command.token != extract.token:
        raise Refused("109", "token", "this token opens nothing, or nothing any more")
    yield DeliveryCollected(token=command.token)


class AcknowledgeDelivery(Command):
    account: str
    received: str


def acknowledge(extract: Extract, command: AcknowledgeDelivery) -> Iterator[ExtractEvent]:
    """Record what arrived; it must be the digest of the archive or of one of the files in it."""
    refuse_stranger(extract, command.account)
    if extract.delivered is None or not extract.collected:
        raise Refused("109", "delivery", "nothing has been collected")
    if command.received not in {extract.delivered.bundle, extract.delivered.parquet, extract.delivered.csv}:
        raise Refused("109", "received", "this is not the digest of what was delivered")
    if extract.acknowledged is None:
        yield DeliveryAcknowledged(received=command.received)


def refuse_stranger(extract: Extract, account: str) -> None:
    """Refuse every account but the one that sent the proposal."""
    if account != extract.proposer:
        raise Refused("109", "account", "the extract is handed to the proposer alone")
