"""What the anonymizer tells: plan, extract, check, delivery (APPI Arts. 109, 116, 121; Rule 62)."""

from uuid import UUID

from contracts.values import Code, ContractEvent, Count, Digest, ReactionRefused, RecordedItem


class ProcessingPlanned(ContractEvent):
    """The decided specification and a source file were bound together; nothing else may run."""

    specification: Digest
    file: UUID
    source: Digest
    k: Count


class ExtractProduced(ContractEvent):
    """The extract was written (Art. 116(1), Rule 62); `records_drawn` is never above the decided number (Art. 112(2)(iii))."""

    specification: Digest
    engine: Code
    records_read: Count
    records_drawn: Count
    records_suppressed: Count
    records: Count
    items: tuple[RecordedItem, ...]
    k: Count
    smallest_before: Count
    smallest: Count
    parquet: Digest
    csv: Digest
    report: Digest


class ExtractVerified(ContractEvent):
    """A second person recounted the written files (Rule 65)."""

    records: Count
    items: tuple[RecordedItem, ...]
    smallest: Count
    parquet: Digest
    csv: Digest


class ExtractRejected(ContractEvent):
    """The recount did not agree with what was produced or asked."""

    rule: Code
    field: Code


class KeysDestroyed(ContractEvent):
    """The keys that ordered the records are gone; nobody can link the extract back."""

    fingerprints: tuple[Digest, ...]


class ExtractDelivered(ContractEvent):
    """The extract was released to the contractor, once, after payment and contract (Art. 109(2)(i))."""

    party: UUID
    method: Code
    parquet: Digest
    csv: Digest


class DeliveryAcknowledged(ContractEvent):
    """The contractor confirmed what arrived by its digest."""

    received: Digest


EVENTS: tuple[type[ContractEvent], ...] = (
    ProcessingPlanned,
    ExtractProduced,
    ExtractVerified,
    ExtractRejected,
    KeysDestroyed,
    ExtractDelivered,
    DeliveryAcknowledged,
    ReactionRefused,
)
