"""One run of the engine for a case, outside any decision: what it did or found comes back as a command."""

from uuid import UUID

from services.anonymizer.events import ExtractProduced, ProcessingPlanned
from services.anonymizer.extract import Extract, RecordProduction, VerifyExtract, decided_specification
from services.anonymizer.extract_files import CSV, PARQUET, digest_of_file
from services.anonymizer.kept import specification_subject
from services.anonymizer.specification import Specification, digest, read_specification
from services.anonymizer.vault import Vault
from services.chassis.actor import Acting
from services.chassis.events import Refused


def decided(vault: Vault, tenant: str, wanted: str) -> Specification:
    """Read the kept specification and make sure that it is still the one the digest names (Art. 116(1))."""
    specification = read_specification(vault.specification(specification_subject(tenant, wanted)))
    if digest(specification) != wanted:
        raise Refused("116", "specification", "the kept specification is not the decided one any more")
    return specification


def run_plan(vault: Vault, case: UUID, work: Extract, plan: ProcessingPlanned, acting: Acting, min_principals: int) -> RecordProduction:
    """Carry out a plan under the case's key on no more people than were decided (Art. 112(2)(iii)).

    Raises what the engine refuses (Rule 62, V13, V32), and then nothing is left behind.
    """
    # Imported here because DuckDB is wanted by those who process, not by everyone who knows the routes.
    from services.anonymizer.processing import produce  # noqa: PLC0415 - as said

    source = vault.source(acting.tenant, plan.source_name)
    if digest_of_file(source) != plan.source:
        raise Refused("116", "source", "the source file has changed since it was planned")
    people = decided_specification(work, plan.specification).principal_count
    specification = decided(vault, acting.tenant, plan.specification)
    if work.rejected:
        vault.destroy_key(case)
    done = produce(source, specification, vault.key(case), vault.empty_extract(case), people=people, min_principals=min_principals)
    return RecordProduction(
        specification=done.specification,
        source=done.source,
        engine=done.engine,
        records_read=done.records_read,
        records_drawn=done.records_drawn,
        records_suppressed=done.records_suppressed,
        records=done.records,
        items=done.items,
        k=done.k,
        smallest_before=done.smallest_before,
        smallest=done.smallest,
        parquet=done.parquet,
        csv=done.csv,
        report=done.report,
        key_fingerprint=done.key_fingerprint,
        producer=acting.actor,
    )


def run_recount(vault: Vault, case: UUID, produced: ExtractProduced, acting: Acting, min_principals: int) -> VerifyExtract:
    """Recount the written files for the second person (Rule 65); files that are not the produced ones are not even opened."""
    from services.anonymizer.measure import recount, verify  # noqa: PLC0415 - as above

    folder = vault.extract(case)
    found = VerifyExtract(
        checker=acting.actor,
        records=0,
        items=(),
        smallest=0,
        parquet=digest_of_file(folder / PARQUET),
        csv=digest_of_file(folder / CSV),
        fault=None,
    )
    if (found.parquet, found.csv) != (produced.parquet, produced.csv):
        return found
    specification = decided(vault, acting.tenant, produced.specification)
    counted = recount(folder, specification)
    fault: tuple[str, str] | None = None
    try:
        verify(counted, specification, min_principals=min_principals)
    except Refused as refused:
        fault = refused.rule, refused.field
    number = specification.output.row_number
    return found.model_copy(
        update={
            "records": counted.parquet.records,
            "items": tuple(name for name in counted.parquet.columns if name != number),
            "smallest": counted.parquet.smallest,
            "fault": fault,
        }
    )
