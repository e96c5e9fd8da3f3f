"""Which of the anonymizer's events the world hears, and as what."""

from contracts import anonymizer
from contracts.values import ContractEvent
from services.anonymizer.events import (
    DeliveryAcknowledged,
    ExtractDelivered,
    ExtractProduced,
    ExtractRejected,
    ExtractVerified,
    KeysDestroyed,
    ProcessingPlanned,
)
from services.chassis.events import Event


def announce(event: Event, _state: object) -> ContractEvent | None:
    """Give the contract event for one of ours; names of persons, files and tokens stay here, and notes are silent."""
    match event:
        case ProcessingPlanned():
            return anonymizer.ProcessingPlanned(specification=event.specification, file=event.file, source=event.source, k=event.k)
        case ExtractProduced():
            return anonymizer.ExtractProduced(
                specification=event.specification,
                engine=event.engine,
                records_read=event.records_read,
                records_drawn=event.records_drawn,
                records_suppressed=event.records_suppressed,
                records=event.records,
                items=event.items,
                k=event.k,
                smallest_before=event.smallest_before,
                smallest=event.smallest,
                parquet=event.parquet,
                csv=event.csv,
                report=event.report,
            )
        case ExtractVerified():
            return anonymizer.ExtractVerified(
                records=event.records, items=event.items, smallest=event.smallest, parquet=event.parquet, csv=event.csv
            )
        case ExtractRejected():
            return anonymizer.ExtractRejected(rule=event.rule, field=event.field)
        case KeysDestroyed():
            return anonymizer.KeysDestroyed(fingerprints=event.fingerprints)
        case ExtractDelivered():
            return anonymizer.ExtractDelivered(party=event.party, method=event.method, parquet=event.parquet, csv=event.csv)
        case DeliveryAcknowledged():
            return anonymizer.DeliveryAcknowledged(received=event.received)
        case _:
            return None
