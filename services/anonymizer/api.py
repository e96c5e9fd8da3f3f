"""The anonymizer over HTTP: specifications, the steps of an extract, and the one-time delivery."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from contracts.values import Digest
from services.anonymizer.answers import ExtractAnswer, extract_answer
from services.anonymizer.bundle import write_bundle
from services.anonymizer.delivery import AcknowledgeDelivery, CollectDelivery, DeliverExtract, acknowledge, collect, deliver, deliverable
from services.anonymizer.delivery_token import case_of, new_token, token_digest
from services.anonymizer.events import FileNoted, SpecificationKept
from services.anonymizer.extract import (
    EXTRACT,
    DestroyKeys,
    Extract,
    PlanProcessing,
    decided_specification,
    destroy_keys,
    destroyable_keys,
    extract_to_check,
    plan,
    planned_processing,
    produce,
    verify,
)
from services.anonymizer.extract_files import REPORT, digest_of_file
from services.anonymizer.kept import KEPT, SOURCE, KeepSpecification, keep, specification_subject
from services.anonymizer.run import run_plan, run_recount
from services.anonymizer.specification import canonical, digest, read_document, specification_from
from services.anonymizer.vault import Vault
from services.chassis.actor import Acting
from services.chassis.aggregate import next_step, step
from services.chassis.answering import routes_of
from services.chassis.desk import Desk
from services.chassis.events import Refused
from services.chassis.reading import NotFound
from services.chassis.views import Row
from services.chassis.web import Body, Taken, acting_as

STAFF: Final = ("creator", "owner", "coordinator", "head", "auditor")
Keeper = Annotated[Acting, Depends(acting_as("creator", "coordinator", "owner"))]
Creator = Annotated[Acting, Depends(acting_as("creator"))]
Deliverer = Annotated[Acting, Depends(acting_as("owner", "creator"))]
Proposer = Annotated[Acting, Depends(acting_as("proposer"))]
Staff = Annotated[Acting, Depends(acting_as(*STAFF))]
Reader = Annotated[Acting, Depends(acting_as(*STAFF, "proposer"))]
MAX_SPECIFICATION: Final = 1 << 20


class PlanBody(Body):
    """Which specification, by digest, and which source file of the tenant's folder in the protected place, by name."""

    specification: Digest
    source: str


class AcknowledgementBody(Body):
    """The digest of what arrived."""

    received: Digest


class KeptAnswer(BaseModel):
    """What the decision will name."""

    specification: str
    k: int
    items: tuple[str, ...]
    events: tuple[str, ...]


class DeliveryAnswer(Taken):
    """The one-time token, told this once."""

    token: str
    bundle: str


async def specification_text(request: Request) -> str:
    """Read a body of YAML or JSON text; raises Refused when it is too large or not UTF-8."""
    text = b""
    async for chunk in request.stream():
        text += chunk
        if len(text) > MAX_SPECIFICATION:
            raise Refused("62", "specification", f"a specification has {MAX_SPECIFICATION} bytes at most")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Refused("62", "specification", "the text is not UTF-8") from None


def kept_specification(desk: Desk, wanted: str, acting: Acting) -> SpecificationKept | None:
    """Give what is known of a kept specification, or None."""
    try:
        return desk.state(KEPT, specification_subject(acting.tenant, wanted), acting).specification
    except NotFound:
        return None


def register_entry(desk: Desk, file: UUID, acting: Acting) -> FileNoted | None:
    """Give the register entry of a file, or None while it has not been heard of."""
    try:
        return desk.state(SOURCE, file, acting).entry
    except NotFound:
        return None


@contextmanager
def extract_in_work(desk: Desk, vault: Vault, case: UUID, acting: Acting) -> Iterator[Extract]:
    """Give a case's state as it stands once nobody else works on its files; raises NotFound before a case nobody knows is locked."""
    desk.state(EXTRACT, case, acting)
    with vault.working_on(case):
        yield desk.state(EXTRACT, case, acting)


def router(desk: Desk, vault: Vault) -> APIRouter:
    """Make the anonymizer's routes over its desk and its protected place."""
    routes = routes_of("anonymizer")
    routes.include_router(processing_routes(desk, vault))
    routes.include_router(delivery_routes(desk, vault))
    return routes


def processing_routes(desk: Desk, vault: Vault) -> APIRouter:
    """Serve what leads from a specification to a verified extract without keys."""
    routes = routes_of()

    def min_principals() -> int:
        return desk.law().constants.min_principals_dataset.value

    @routes.post("/specifications")
    def keep_specification(text: Annotated[str, Depends(specification_text)], acting: Keeper) -> KeptAnswer:
        specification = specification_from(read_document(text))
        named, k = digest(specification), specification.risk.k
        subject = specification_subject(acting.tenant, named)
        vault.keep_specification(subject, canonical(specification))
        command = KeepSpecification(digest=named, k=k, columns=specification.header, items=specification.items)
        taken = desk.take(acting, step(KEPT, subject, keep, command))
        return KeptAnswer(specification=named, k=k, items=specification.items, events=taken.events)

    @routes.get("/specifications")
    def specifications(acting: Staff) -> list[Row]:
        return desk.rows("specifications", acting)

    @routes.post("/cases/{case}/plan")
    def plan_processing(case: UUID, body: PlanBody, acting: Creator) -> Taken:
        decision = decided_specification(desk.state(EXTRACT, case, acting), body.specification)
        command = PlanProcessing(
            specification=body.specification,
            kept=kept_specification(desk, body.specification, acting),
            entry=register_entry(desk, decision.file, acting),
            source=digest_of_file(vault.source(acting.tenant, body.source)),
            source_name=body.source,
        )
        return desk.take(acting, step(EXTRACT, case, plan, command))

    @routes.post("/cases/{case}/production")
    def produce_extract(case: UUID, acting: Creator) -> Taken:
        with extract_in_work(desk, vault, case, acting) as work:
            planned = planned_processing(work)
            if work.produced is not None:
                return Taken(subject=case, events=(), position=None)
            done = run_plan(vault, case, work, planned, acting, min_principals())
            return desk.take(acting, step(EXTRACT, case, produce, done))

    @routes.post("/cases/{case}/verification")
    def verify_extract(case: UUID, acting: Creator) -> Taken:
        with extract_in_work(desk, vault, case, acting) as work:
            produced = extract_to_check(work, acting.actor)
            found = run_recount(vault, case, produced, acting, min_principals())
            return desk.take(acting, step(EXTRACT, case, verify, found))

    @routes.post("/cases/{case}/key-destruction")
    def destroy(case: UUID, acting: Creator) -> Taken:
        with extract_in_work(desk, vault, case, acting) as work:
            destroyable_keys(work)
            vault.destroy_key(case)
            return desk.take(acting, step(EXTRACT, case, destroy_keys, DestroyKeys()))

    @routes.get("/cases")
    def extracts(acting: Staff) -> list[Row]:
        return desk.rows("extracts", acting)

    @routes.get("/cases/{case}")
    def extract(case: UUID, acting: Reader) -> ExtractAnswer:
        found = desk.state(EXTRACT, case, acting)
        if acting.role == "proposer" and acting.actor != found.proposer:
            raise NotFound(EXTRACT.name, case)
        return extract_answer(case, found)

    @routes.get("/cases/{case}/report")
    def report(case: UUID, acting: Staff) -> Response:
        produced = desk.state(EXTRACT, case, acting).produced
        file = vault.extract(case) / REPORT
        if produced is None or digest_of_file(file) != produced.report:
            raise Refused("116", "report", "the protected place does not hold the report of this extract")
        return Response(file.read_bytes(), media_type="application/json")

    return routes


def delivery_routes(desk: Desk, vault: Vault) -> APIRouter:
    """Serve the hand-over: release by staff, collection and acknowledgement by the proposer."""
    routes = routes_of()

    @routes.post("/cases/{case}/delivery")
    def deliver_extract(case: UUID, acting: Deliverer) -> DeliveryAnswer:
        with extract_in_work(desk, vault, case, acting) as work:
            produced, _, _ = deliverable(work)
            bundle = write_bundle(vault.extract(case), produced, vault.bundle(case))
            token = new_token(case)
            taken = desk.take(acting, step(EXTRACT, case, deliver, DeliverExtract(token=token_digest(token), bundle=bundle)))
            return DeliveryAnswer(**taken.model_dump(), token=token, bundle=bundle)

    @routes.get("/deliveries/{token}")
    def collect_delivery(token: str, acting: Proposer) -> FileResponse:
        case = case_of(token)
        file = vault.bundle(case)
        if not file.is_file():
            raise Refused("109", "token", "this token opens nothing, or nothing any more")
        desk.take(acting, step(EXTRACT, case, collect, CollectDelivery(account=acting.actor, token=token_digest(token))))
        return FileResponse(file, media_type="application/zip", filename=f"{case}.zip", headers={"Cache-Control": "no-store"})

    @routes.post("/cases/{case}/acknowledgement")
    def acknowledge_delivery(case: UUID, body: AcknowledgementBody, acting: Proposer) -> Taken:
        command = AcknowledgeDelivery(account=acting.actor, received=body.received)
        return desk.take(acting, next_step(EXTRACT, case, acknowledge, command))

    return routes
