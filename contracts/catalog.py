"""Every event that crosses a service's border: type, owner, model, version. All else is generated from this list."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from contracts import anonymizer, billing, intake, review
from contracts.values import ContractEvent


@dataclass(frozen=True)
class Entry:
    """One event type: who owns it, its model, its CloudEvents type and the URN of its schema, made once: every append asks."""

    owner: str
    model: type[ContractEvent]

    @cached_property
    def name(self) -> str:
        """The event's name in kebab case, e.g. `proposal-submitted`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.model.__name__).lower()

    @cached_property
    def type(self) -> str:
        """The CloudEvents type, e.g. `jp.anken.intake.proposal-submitted.v1`."""
        return f"jp.anken.{self.owner}.{self.name}.v{self.model.MAJOR}"

    @cached_property
    def dataschema(self) -> str:
        """The `$id` of the JSON Schema, e.g. `urn:anken:schema:intake:proposal-submitted:v1`."""
        return f"urn:anken:schema:{self.owner}:{self.name}:v{self.model.MAJOR}"


CATALOG: Final[tuple[Entry, ...]] = tuple(
    Entry(owner, model)
    for owner, models in (
        ("intake", intake.EVENTS),
        ("review", review.EVENTS),
        ("billing", billing.EVENTS),
        ("anonymizer", anonymizer.EVENTS),
    )
    for model in models
)
BY_TYPE: Final[dict[str, Entry]] = {entry.type: entry for entry in CATALOG}
BY_MODEL: Final[dict[tuple[str, type[ContractEvent]], Entry]] = {(entry.owner, entry.model): entry for entry in CATALOG}

CONFORMING_CASE: Final[tuple[str, ...]] = (
    "call-opened",
    "proposal-submitted",
    "proposal-found-complete",
    "screening-started",
    *("criterion-found",) * 7,
    "cost-estimated",
    "fee-estimated",
    "screening-decided",
    "result-notified",
    "contract-applied",
    "fee-invoiced",
    "fee-paid",
    "contract-concluded",
    "processing-planned",
    "extract-produced",
    "extract-verified",
    "keys-destroyed",
    "register-updated",
    "extract-delivered",
    "delivery-acknowledged",
    "use-ended",
)
REFUSED_CASE: Final[tuple[str, ...]] = (*CONFORMING_CASE[:11], "screening-decided", "result-notified")


def owned(owner: str, model: type[ContractEvent]) -> Entry:
    """Find the entry of a model under its owner; a model outside the catalogue is a programming error (KeyError)."""
    return BY_MODEL[owner, model]
