"""What can have happened to a specification, a source file and the extract of a case (APPI Arts. 109, 116, 121).

None of these events has a sealed field: the anonymizer has no grant to open sealed text and asks nobody to type any.
The processing method is protected (Art. 121(2)) and never stands in an event; its digest does.
"""

from uuid import UUID

from services.chassis.events import Event


class SpecificationKept(Event, topic="anonymizer.SpecificationKept"):
    """A specification was put into the protected place, to be decided on by its digest."""

    digest: str
    k: int
    columns: tuple[str, ...]
    items: tuple[str, ...]


class FileNoted(Event, topic="anonymizer.FileNoted"):
    """The register entry of a source file: its recorded items (Art. 75)."""

    recorded_items: tuple[str, ...]


class ProposerNoted(Event, topic="anonymizer.ProposerNoted"):
    """The account that sent the proposal, and that alone may collect the extract."""

    account: str


class DecisionNoted(Event, topic="anonymizer.DecisionNoted"):
    """The head of the body decided; a conforming decision names the specification by digest (Art. 114).

    `principal_count` is the number of persons that the extract may hold (Art. 112(2)(iii)).
    """

    outcome: str
    specification: str | None
    file: UUID
    party: UUID
    principal_count: int


class SettlementNoted(Event, topic="anonymizer.SettlementNoted"):
    """The fee is paid: nothing is outstanding (Art. 119)."""


class ContractNoted(Event, topic="anonymizer.ContractNoted"):
    """The use contract was concluded (Art. 115)."""

    contract_number: str
    party: UUID
    delivery_method: str


class RegisterNoted(Event, topic="anonymizer.RegisterNoted"):
    """The register says what was created (Art. 117)."""

    version: int


class ProcessingPlanned(Event, topic="anonymizer.ProcessingPlanned"):
    """The decided specification and one source file, named and digested, were bound together (Art. 116)."""

    specification: str
    file: UUID
    source: str
    source_name: str
    k: int


class ExtractProduced(Event, topic="anonymizer.ExtractProduced"):
    """The engine ran exactly the plan; counts are records, classes are counted over the quasi-identifying items."""

    specification: str
    source: str
    engine: str
    records_read: int
    records_drawn: int
    records_suppressed: int
    records: int
    items: tuple[str, ...]
    k: int
    smallest_before: int
    smallest: int
    parquet: str
    csv: str
    report: str
    key_fingerprint: str
    producer: str


class ExtractVerified(Event, topic="anonymizer.ExtractVerified"):
    """A second person recounted the written files and found what was said (Rule 65, V34)."""

    records: int
    items: tuple[str, ...]
    smallest: int
    parquet: str
    csv: str
    checker: str


class ExtractRejected(Event, topic="anonymizer.ExtractRejected"):
    """The recount did not agree; the extract must be produced again."""

    rule: str
    field: str
    checker: str


class KeysDestroyed(Event, topic="anonymizer.KeysDestroyed"):
    """The keys that ordered the records are gone; these are their fingerprints (V31)."""

    fingerprints: tuple[str, ...]


class ExtractDelivered(Event, topic="anonymizer.ExtractDelivered"):
    """The extract was released to the contractor under a one-time token, of which only the digest is kept."""

    party: UUID
    method: str
    parquet: str
    csv: str
    bundle: str
    token: str


class DeliveryReissued(Event, topic="anonymizer.DeliveryReissued"):
    """A fresh token replaced one that was lost or whose download broke off."""

    token: str


class DeliveryCollected(Event, topic="anonymizer.DeliveryCollected"):
    """The token was used; it opens nothing any more."""

    token: str


class DeliveryAcknowledged(Event, topic="anonymizer.DeliveryAcknowledged"):
    """The contractor named the digest of what arrived."""

    received: str


ExtractEvent = (
    ProposerNoted
    | DecisionNoted
    | SettlementNoted
    | ContractNoted
    | RegisterNoted
    | ProcessingPlanned
    | ExtractProduced
    | ExtractVerified
    | ExtractRejected
    | KeysDestroyed
    | ExtractDelivered
    | DeliveryReissued
    | DeliveryCollected
    | DeliveryAcknowledged
)
