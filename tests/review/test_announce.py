"""What the world hears of review, and what review lists: no word that somebody typed leaves unsealed."""

from datetime import date
from uuid import UUID

from contracts import review
from services.chassis.events import Event, sealed_fields
from services.chassis.views import Row, Seen
from services.review import events
from services.review.announce import announce
from services.review.screening import SCREENING
from services.review.views import VIEWS

DAY = date(2026, 9, 1)
SPEC = "sha256:" + "a" * 64
NOTED = events.ProposalNoted(
    account="proposer-1",
    kind="NEW",
    body="mayor",
    file=UUID(int=1),
    party=UUID(int=2),
    principal_count=20_000,
    file_principal_count=20_000,
    use_from=DAY,
    use_to=date(2026, 11, 1),
)
SPOKEN: tuple[Event, ...] = (
    events.ScreeningStarted(criteria=(1, 2, 3, 4, 5, 6, 7)),
    events.CriterionFound(criterion=3, met=True, reason="typed", specification=SPEC),
    events.CostEstimated(creation_minutes=480, outsourcing=0),
    events.ScreeningDecided(outcome="non_conforming", failed=(4,), reasons="typed", specification=None, fee=None),
    events.ResultNotified(
        notice_number="R8-N0001",
        form="11",
        outcome="non_conforming",
        failed=(4,),
        reasons="typed",
        fee=None,
        payment_method=None,
        payment_due=None,
        delivery_method=None,
        notified=DAY,
    ),
    events.ContractApplied(
        party=UUID(int=2),
        notice_number="R8-N0001",
        fee=52_600,
        payment_due=DAY,
        delivery_method="optical_disc",
        use_from=DAY,
        use_to=DAY,
        applied=DAY,
    ),
    events.ContractConcluded(
        contract_number="R8-C0001", party=UUID(int=2), use_from=DAY, use_to=DAY, delivery_method="optical_disc", concluded=DAY
    ),
    events.UseEnded(contract_number="R8-C0001", ended=DAY),
)
SILENT: tuple[Event, ...] = (
    NOTED,
    events.CompletenessNoted(),
    events.FeeNoted(total=52_600),
    events.PaymentNoted(),
    events.NumberIssued(number="R8-N0001", case=UUID(int=9)),
)
STATE = SCREENING.fold([NOTED])


def sealed(event: Event) -> Event:
    return event.model_copy(update={name: f"sealed:v1:{name}" for name in sealed_fields(type(event)) if getattr(event, name) is not None})


def test_every_event_of_the_contract_is_announced_under_its_own_name():
    heard = {type(event).__name__: announce(sealed(event), STATE) for event in SPOKEN}
    assert {name: type(said).__name__ for name, said in heard.items()} == {name: name for name in heard}
    assert {type(said) for said in heard.values()} | {review.ReactionRefused} == set(review.EVENTS)


def test_what_was_only_noted_or_numbered_is_silent():
    assert [announce(event, STATE) for event in SILENT] == [None] * len(SILENT)
    of_review = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event) and kind.TOPIC}
    assert {type(event) for event in (*SPOKEN, *SILENT)} == of_review


def test_sealed_text_goes_out_verbatim_in_the_field_it_was_sealed_for():
    for event in SPOKEN:
        said = announce(sealed(event), STATE)
        assert said is not None
        for name in sealed_fields(type(event)):
            assert getattr(said, name) == f"sealed:v1:{name}"
        assert "typed" not in said.model_dump_json()


def test_the_cost_estimate_carries_what_billing_needs():
    assert announce(SPOKEN[2], STATE) == review.CostEstimated(
        body="mayor", kind="NEW", party=UUID(int=2), dataset=None, creation_minutes=480, outsourcing=0
    )


def test_the_decision_names_file_party_and_count_of_the_proposal():
    said = announce(sealed(SPOKEN[3]), STATE)
    assert isinstance(said, review.ScreeningDecided)
    assert (said.file, said.party, said.principal_count) == (UUID(int=1), UUID(int=2), 20_000)


def test_the_lists_follow_the_events_and_hold_no_typed_word():
    rows: dict[str, Row] = {view.name: {} for view in VIEWS}
    for position, event in enumerate((NOTED, *(sealed(one) for one in SPOKEN), *SILENT[1:])):
        seen = Seen(event, UUID(int=9), "minatono", position)
        for view in VIEWS:
            rows[view.name] = view.fold(rows[view.name], seen) or rows[view.name]
    assert (rows["screenings"]["status"], rows["screenings"]["findings"]) == ("notified", {"3": True})
    assert (rows["contracts"]["status"], rows["contracts"]["paid"]) == ("ended", True)
    assert "sealed:" not in str(rows)
    assert "proposer-1" not in str(rows)
