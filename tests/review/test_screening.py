"""Screening: V11, V22-V25, Rule 59, and what the findings allow the head to decide."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Event, Refused, sealed_fields
from services.review.events import (
    CompletenessNoted,
    CostEstimated,
    CriterionFound,
    FeeNoted,
    ProposalNoted,
    ResultNotified,
    ScreeningDecided,
    ScreeningStarted,
)
from services.review.screening import (
    SCREENING,
    Decide,
    EstimateCost,
    FindCriterion,
    NoteCompleteness,
    NoteFee,
    NoteProposal,
    NotifyResult,
    Screening,
    decide,
    estimate_cost,
    find_criterion,
    note_completeness,
    note_fee,
    note_proposal,
    notify,
)

CRITERIA = {"NEW": (1, 2, 3, 4, 5, 6, 7), "REUSE": (1, 4, 5, 6, 7)}
SPEC, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
TODAY = date(2026, 9, 10)
NOTED = ProposalNoted(
    account="proposer-1",
    kind="NEW",
    body="mayor",
    file=UUID(int=1),
    party=UUID(int=2),
    principal_count=20_000,
    file_principal_count=20_000,
    use_from=date(2026, 10, 1),
    use_to=date(2026, 11, 1),
)
FEE = FeeNoted(total=52_600)
COST = CostEstimated(creation_minutes=480, outsourcing=0)
LISTS = {"payment_methods": ("bank_transfer", "payment_notice"), "delivery_methods": ("download", "optical_disc")}
NOTICE = NotifyResult(
    notice_number="R8-N0001",
    payment_method="payment_notice",
    payment_due=date(2026, 9, 30),
    delivery_method="optical_disc",
    today=TODAY,
    **LISTS,
)
REASONS = "purpose does not serve the public"
CONFORMING = Decide(outcome="conforming", specification=SPEC)
REFUSING = Decide(outcome="non_conforming", reasons=REASONS)


def started(*events: Event, noted: ProposalNoted = NOTED) -> Screening:
    return SCREENING.fold([noted, CompletenessNoted(), ScreeningStarted(criteria=CRITERIA[noted.kind]), *events])


def finding(criterion: int, *, met: bool = True, specification: str | None = None, reason: str = "seen") -> CriterionFound:
    return CriterionFound(criterion=criterion, met=met, reason=reason, specification=SPEC if criterion == 3 and met else specification)


def finds(**values) -> FindCriterion:
    return FindCriterion(**{"criterion": 1, "met": True, "reason": "seen", "min_principals": 1_000, **values})


def judged(*unmet: int) -> tuple[CriterionFound, ...]:
    return tuple(finding(criterion, met=criterion not in unmet) for criterion in CRITERIA["NEW"])


def refusal(events) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        list(events)
    return refused.value.rule, refused.value.field


def test_screening_starts_when_both_are_known_whichever_comes_last():
    noting = (note_proposal, NoteProposal(noted=NOTED, criteria=CRITERIA)), (note_completeness, NoteCompleteness(criteria=CRITERIA))
    ends = []
    for order in (noting, noting[::-1]):
        state, told = SCREENING.initial, []
        for decision, command in (*order, *order):
            new = list(decision(state, command))
            told += new
            state = SCREENING.fold(new, state)
        assert [type(event) for event in told].count(ScreeningStarted) == 1
        assert isinstance(told[-1], ScreeningStarted)
        ends.append(state)
    assert ends[0] == ends[1] == started()


@pytest.mark.parametrize(("kind", "criteria"), CRITERIA.items())
def test_the_criteria_are_the_law_s_for_the_kind(kind, criteria):
    noted = NOTED.model_copy(update={"kind": kind})
    state = SCREENING.fold([CompletenessNoted()])
    assert list(note_proposal(state, NoteProposal(noted=noted, criteria=CRITERIA)))[-1] == ScreeningStarted(criteria=criteria)
    assert refusal(note_proposal(state, NoteProposal(noted=noted, criteria={}))) == ("114", "kind")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda state: find_criterion(state, finds()),
        lambda state: estimate_cost(state, EstimateCost(creation_minutes=1, outsourcing=0)),
        lambda state: decide(state, CONFORMING),
        lambda state: notify(state, NOTICE),
    ],
)
@pytest.mark.parametrize("state", [SCREENING.initial, SCREENING.fold([NOTED])])
def test_nothing_is_judged_before_the_screening_starts(attempt, state):
    assert refusal(attempt(state)) == ("114", "case")


def test_a_finding_can_be_made_again_and_changed_until_the_decision():
    state = started(finding(1))
    assert list(find_criterion(state, finds())) == []
    (changed,) = find_criterion(state, finds(met=False))
    assert SCREENING.fold([changed], state).failed == (1,)
    assert list(find_criterion(state, finds(reason="seen again")))
    decided = SCREENING.fold(decide(started(*judged(), COST, FEE), CONFORMING), started(*judged(), COST, FEE))
    assert list(find_criterion(decided, finds())) == []
    assert refusal(find_criterion(decided, finds(met=False))) == ("114", "criterion")


@pytest.mark.parametrize("criterion", [0, 8, -1])
def test_only_the_law_s_criteria_are_judged(criterion):
    assert refusal(find_criterion(started(), finds(criterion=criterion))) == ("V22", "criterion")


def test_a_reuse_is_not_judged_by_count_or_method():
    reuse = started(noted=NOTED.model_copy(update={"kind": "REUSE"}))
    for criterion in (2, 3):
        assert refusal(find_criterion(reuse, finds(criterion=criterion))) == ("V22", "criterion")


def test_a_finding_gives_its_reason():
    assert refusal(find_criterion(started(), finds(reason=" "))) == ("V22", "reason")


@given(count=st.integers(0, 3_000), people=st.integers(0, 3_000), met=st.booleans())
def test_the_second_criterion_says_what_the_numbers_say(count, people, met):
    state = started(noted=NOTED.model_copy(update={"principal_count": count, "file_principal_count": people}))
    if met == (1_000 <= count <= people):
        assert list(find_criterion(state, finds(criterion=2, met=met)))
    else:
        assert refusal(find_criterion(state, finds(criterion=2, met=met))) == ("V11", "met")


def test_the_third_criterion_names_the_specification_it_judged():
    assert refusal(find_criterion(started(), finds(criterion=3))) == ("116", "specification")
    assert refusal(find_criterion(started(), finds(criterion=4, specification=SPEC))) == ("116", "specification")
    assert list(find_criterion(started(), finds(criterion=3, specification=SPEC)))
    assert list(find_criterion(started(), finds(criterion=3, met=False)))


def test_each_estimate_waits_for_the_fee_of_the_one_before():
    first = EstimateCost(creation_minutes=480, outsourcing=0)
    other = EstimateCost(creation_minutes=430, outsourcing=0)
    assert list(estimate_cost(started(), first)) == [COST]
    assert list(estimate_cost(started(COST), first)) == []
    assert refusal(estimate_cost(started(COST), other)) == ("119", "creation_minutes")
    assert list(estimate_cost(started(COST, FEE), other)) == [CostEstimated(creation_minutes=430, outsourcing=0)]
    assert started(COST, FEE, CostEstimated(creation_minutes=430, outsourcing=0)).fee is None


def test_no_cost_is_estimated_for_what_will_be_refused():
    assert refusal(estimate_cost(started(finding(4, met=False)), EstimateCost(creation_minutes=480, outsourcing=0))) == ("114", "criterion")


def test_a_creation_costs_something():
    assert refusal(estimate_cost(started(), EstimateCost(creation_minutes=0, outsourcing=0))) == ("V26", "creation_minutes")
    assert list(estimate_cost(started(), EstimateCost(creation_minutes=0, outsourcing=1)))


def test_a_fee_is_noted_whatever_has_happened():
    for state in (SCREENING.initial, started(), started(COST)):
        assert list(note_fee(state, NoteFee(total=52_600))) == [FEE]
    assert list(note_fee(started(COST, FEE), NoteFee(total=52_600))) == []


@given(
    st.sets(st.sampled_from(CRITERIA["NEW"])), st.sets(st.sampled_from(CRITERIA["NEW"])), st.sampled_from(["conforming", "non_conforming"])
)
def test_the_head_decides_exactly_as_the_findings_say(missing, unmet, outcome):
    findings = [one for one in judged(*unmet) if one.criterion not in missing]
    command = Decide(
        outcome=outcome, specification=SPEC if outcome == "conforming" else None, reasons=None if outcome == "conforming" else "no"
    )
    attempt = decide(started(*findings, COST, FEE), command)
    if missing:
        assert refusal(attempt) == ("V22", "criterion")
    elif (outcome == "conforming") == bool(unmet):
        assert refusal(attempt) == ("V23", "outcome")
    else:
        (decided,) = attempt
        assert isinstance(decided, ScreeningDecided)
        assert (decided.outcome, decided.failed, decided.fee) == (outcome, tuple(sorted(unmet)), None if unmet else 52_600)


def test_a_conforming_decision_names_the_judged_specification_and_needs_the_fee():
    assert refusal(decide(started(*judged(), COST, FEE), Decide(outcome="conforming", specification=OTHER))) == ("116", "specification")
    assert refusal(decide(started(*judged(), COST, FEE), Decide(outcome="conforming"))) == ("116", "specification")
    assert refusal(decide(started(*judged()), CONFORMING)) == ("119", "fee")
    assert refusal(decide(started(*judged(), COST), CONFORMING)) == ("119", "fee")
    assert refusal(decide(started(*judged(), COST, FEE), CONFORMING.model_copy(update={"reasons": "x"}))) == ("V23", "reasons")


def test_a_refusal_gives_reasons_and_approves_nothing():
    assert refusal(decide(started(*judged(4)), Decide(outcome="non_conforming", reasons=" "))) == ("V23", "reasons")
    assert refusal(decide(started(*judged(4)), Decide(outcome="non_conforming"))) == ("V23", "reasons")
    assert refusal(decide(started(*judged(4)), REFUSING.model_copy(update={"specification": SPEC}))) == ("116", "specification")


def test_the_head_decides_once():
    for before, command in ((started(*judged(), COST, FEE), CONFORMING), (started(*judged(4)), REFUSING)):
        after = SCREENING.fold(decide(before, command), before)
        assert list(decide(after, command)) == []
        other = Decide(outcome="non_conforming", reasons="another")
        assert refusal(decide(after, other)) == ("114", "outcome")
        assert refusal(estimate_cost(after, EstimateCost(creation_minutes=60, outsourcing=0))) == ("114", "creation_minutes")


def conforming() -> Screening:
    state = started(*judged(), COST, FEE)
    return SCREENING.fold(decide(state, CONFORMING), state)


def non_conforming() -> Screening:
    state = started(*judged(4, 6))
    return SCREENING.fold(decide(state, REFUSING), state)


def test_a_conforming_notice_is_form_9_with_what_the_contract_takes():
    (sent,) = notify(conforming(), NOTICE)
    assert sent == ResultNotified(
        notice_number="R8-N0001",
        form="9",
        outcome="conforming",
        failed=(),
        reasons=None,
        fee=52_600,
        payment_method="payment_notice",
        payment_due=date(2026, 9, 30),
        delivery_method="optical_disc",
        notified=TODAY,
    )
    after = SCREENING.fold([sent], conforming())
    assert list(notify(after, NOTICE.model_copy(update={"notice_number": "R8-N0002", "today": date(2026, 12, 1)}))) == []
    assert refusal(notify(after, NOTICE.model_copy(update={"payment_due": date(2026, 10, 1)}))) == ("114", "notice")


@pytest.mark.parametrize("term", ["payment_method", "payment_due", "delivery_method"])
def test_a_conforming_notice_leaves_nothing_out(term):
    assert refusal(notify(conforming(), NOTICE.model_copy(update={term: None}))) == ("V24", term)


@pytest.mark.parametrize("term", ["payment_method", "delivery_method"])
def test_a_notice_chooses_from_the_lists_and_a_refused_method_is_not_repeated(term):
    with pytest.raises(Refused) as refused:
        list(notify(conforming(), NOTICE.model_copy(update={term: "Yamada_Taro"})))
    assert (refused.value.rule, refused.value.field) == ("V24", term)
    assert "Yamada" not in refused.value.message


@pytest.mark.parametrize(("due", "accepted"), [(date(2026, 9, 9), False), (TODAY, True)])
def test_the_due_date_does_not_lie_before_the_notice(due, accepted):
    command = NOTICE.model_copy(update={"payment_due": due})
    if accepted:
        assert list(notify(conforming(), command))
    else:
        assert refusal(notify(conforming(), command)) == ("V25", "payment_due")


def test_a_non_conforming_notice_is_form_11_with_criteria_and_reasons():
    (sent,) = notify(non_conforming(), NotifyResult(notice_number="R8-N0001", today=TODAY, **LISTS))
    assert isinstance(sent, ResultNotified)
    assert (sent.form, sent.failed, sent.reasons, sent.fee, sent.payment_due) == ("11", (4, 6), REASONS, None, None)
    assert refusal(notify(non_conforming(), NOTICE)) == ("V24", "payment_method")


def test_nothing_is_notified_before_the_decision():
    assert refusal(notify(started(*judged(), COST, FEE), NOTICE)) == ("114", "decision")


def test_every_reason_is_sealed():
    assert {kind.__name__: sealed_fields(kind) for kind in (CriterionFound, ScreeningDecided, ResultNotified)} == {
        "CriterionFound": ("reason",),
        "ScreeningDecided": ("reasons",),
        "ResultNotified": ("reasons",),
    }
