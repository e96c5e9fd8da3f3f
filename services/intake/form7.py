"""The proposal form (Form 7) as it was filled in, and what makes it complete (Art. 112(2)(3), Rule 54)."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Final, Literal

from pydantic import Field

from contracts.values import Code, RecordedItem
from services.chassis.events import Refused, Value
from services.intake.events import Attachment
from services.intake.periods import months_before, years_after

ADULT: Final = 18  # Civil Code, Art. 4
CERTIFICATES: Final = frozenset({"registry_certificate", "seal_certificate"})
IDENTITY: Final[Mapping[str, frozenset[str]]] = {"individual": frozenset({"identity"}), "entity": CERTIFICATES | {"identity"}}
AGENT_PAPERS: Final = ("authority", "agent_identity")


class Form7(Value):
    """What the proposer wrote. Anything may be missing: that is for `check` to say, naming the field.

    `wanted` gives the wished granularity for each wanted item; `birth_date` is looked at and kept nowhere.
    """

    proposer_kind: Literal["individual", "entity"]
    proposer: str = ""
    address: str = ""
    representative: str | None = None
    birth_date: date | None = None
    principal_count: int | None = None
    wanted: dict[str, str] = Field(default_factory=dict)
    purpose: str = ""
    business: str = ""
    use_from: date | None = None
    use_to: date | None = None
    period_reason: str = ""
    safeguards: str = ""
    delivery_method: Code | None = None
    attachments: tuple[Attachment, ...] = ()
    by_agent: bool = False


def check(
    form: Form7,
    received: date,
    recorded_items: tuple[RecordedItem, ...],
    required: tuple[str, ...],
    max_age_months: int,
    *,
    attachment_kinds: tuple[str, ...],
    delivery_methods: tuple[str, ...],
) -> None:
    """Refuse a form that is not complete on the day it is received: V12 items, V13 wishes, V14-V16 papers, V17 age, V21 period.

    `required` are the papers of Art. 112(3); `max_age_months` is the most an entity's certificate may have (Rule 54(4)(ii)).
    `attachment_kinds` and `delivery_methods` are all that may be chosen: both are stored in the clear.
    """
    for refused in chain(
        _items(form),
        _choices(form, attachment_kinds, delivery_methods),
        _wishes(form, recorded_items),
        _papers(form, received, required, max_age_months),
        _person(form, received),
    ):
        raise refused


def _items(form: Form7) -> Iterator[Refused]:
    values = form.model_dump(
        include={
            "proposer",
            "address",
            "principal_count",
            "wanted",
            "purpose",
            "business",
            "use_from",
            "use_to",
            "period_reason",
            "safeguards",
            "delivery_method",
        }
    )
    if form.proposer_kind == "entity":
        values["representative"] = form.representative
    for field, value in values.items():
        if value is None or value == {} or (isinstance(value, str) and not value.strip()):
            yield Refused("V12", field, f"the item {field} is missing (Art. 112(2))")


def _choices(form: Form7, attachment_kinds: tuple[str, ...], delivery_methods: tuple[str, ...]) -> Iterator[Refused]:
    if form.delivery_method not in delivery_methods:
        yield Refused("V12", "delivery_method", f"a dataset is handed over by one of {', '.join(delivery_methods)} (Rule 54(3))")
    if any(paper.kind not in attachment_kinds for paper in form.attachments):
        yield Refused("V14", "attachments", f"a paper is one of {', '.join(attachment_kinds)} (Art. 112(3))")


def _wishes(form: Form7, recorded_items: tuple[RecordedItem, ...]) -> Iterator[Refused]:
    for place, (item, granularity) in enumerate(form.wanted.items(), start=1):
        if item not in recorded_items:
            yield Refused("V13", "wanted", f"wish {place} names no recorded item of the file")
        if not granularity.strip():
            yield Refused("V13", "wanted", f"wish {place} says no granularity")


def _papers(form: Form7, received: date, required: tuple[str, ...], max_age_months: int) -> Iterator[Refused]:
    identity = [paper for paper in form.attachments if paper.kind in IDENTITY[form.proposer_kind]]
    kinds = {paper.kind for paper in form.attachments} | ({"identity"} if identity else set())
    for kind in required:
        if kind not in kinds:
            yield Refused("V14", f"attachments.{kind}", f"the paper {kind} is not attached (Art. 112(3))")
    if form.proposer_kind == "entity":
        oldest = months_before(received, max_age_months)
        if not any(oldest <= paper.made <= received for paper in identity):
            message = f"no certificate of the entity was made between {oldest} and {received}"
            yield Refused("V15", "attachments.identity", message)
    for kind in AGENT_PAPERS:
        if form.by_agent and kind not in kinds:
            yield Refused("V16", f"attachments.{kind}", f"an agent attaches the paper {kind} (Rule 54(2)(5))")


def _person(form: Form7, received: date) -> Iterator[Refused]:
    if form.proposer_kind == "individual" and form.birth_date and years_after(form.birth_date, ADULT) > received:
        yield Refused("V17", "birth_date", f"who proposes has reached the age of {ADULT} (Art. 113(i))")
    if form.use_from and form.use_to and form.use_from >= form.use_to:
        yield Refused("V21", "use_to", "the period of use ends after it begins")
