"""What intake takes in from review and the anonymizer: every interleaving of their topics ends in the same state."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts import anonymizer, review
from contracts.values import ContractEvent
from services.chassis.heard import Heard
from services.intake.proposal import PROPOSAL, Proposal
from services.intake.reactions import REACTIONS

CASE, FILE_ID, PARTY = (UUID(int=n) for n in range(1, 4))
DIGEST = "sha256:" + "0" * 64
DECIDED = review.ScreeningDecided(
    outcome="conforming", failed=(), reasons=None, specification=DIGEST, file=FILE_ID, party=PARTY, principal_count=20_000, fee=52_600
)
REVIEW = (
    DECIDED,
    review.ContractConcluded(
        contract_number="R8-C0001",
        party=PARTY,
        use_from=date(2026, 10, 1),
        use_to=date(2026, 11, 1),
        delivery_method="optical_disc",
        concluded=date(2026, 9, 20),
    ),
    review.UseEnded(contract_number="R8-C0001", ended=date(2026, 11, 1)),
)
VERIFIED = anonymizer.ExtractVerified(records=19_400, items=("要介護度",), smallest=10, parquet=DIGEST, csv=DIGEST)
ANONYMIZER = (
    anonymizer.ExtractProduced(
        specification=DIGEST,
        engine="duckdb",
        records_read=20_000,
        records_suppressed=600,
        records=19_400,
        items=("要介護度",),
        k=10,
        smallest_before=1,
        smallest=10,
        parquet=DIGEST,
        csv=DIGEST,
        report=DIGEST,
    ),
    VERIFIED,
    anonymizer.KeysDestroyed(fingerprints=(DIGEST,)),
    anonymizer.ExtractDelivered(party=PARTY, method="optical_disc", parquet=DIGEST, csv=DIGEST),
    anonymizer.DeliveryAcknowledged(received=DIGEST),
)


def hear(events: Iterable[ContractEvent]) -> Proposal:
    state = PROPOSAL.initial
    for number, event in enumerate(events):
        moment = datetime(2026, 9, 1, tzinfo=UTC)
        heard = Heard(event, UUID(int=100 + number), CASE, "minatono", "staff-1", moment, moment.date())
        for step in REACTIONS[type(event)](heard):
            assert (step.aggregate, step.subject) == (PROPOSAL, CASE)
            state = PROPOSAL.fold(step.decide(state, step.command), state)
    return state


@given(st.permutations(range(len(REVIEW) + len(ANONYMIZER))))
def test_every_interleaving_of_review_and_anonymizer_ends_in_the_same_state(order):
    review_next, anonymizer_next = iter(REVIEW), iter(ANONYMIZER)
    interleaved = [next(review_next) if place < len(REVIEW) else next(anonymizer_next) for place in order]
    assert hear(interleaved) == hear((*REVIEW, *ANONYMIZER))


def test_a_delivered_case_can_be_registered_and_is_over():
    state = hear((*ANONYMIZER, *REVIEW))
    assert state.extract is not None
    assert (state.extract.records, state.extract.items) == (19_400, ("要介護度",))
    assert (state.status, state.outcome) == ("use_ended", "conforming")
    assert state.stages == {"contracted", "created", "keys_destroyed", "delivered", "acknowledged", "use_ended"}


def test_the_same_again_changes_nothing():
    twice = [event for event in (*REVIEW, *ANONYMIZER) for _ in range(2)]
    assert hear(twice) == hear((*REVIEW, *ANONYMIZER))


def test_only_a_decision_was_taken_in():
    assert hear([DECIDED]).status == "conforming"
    assert hear([DECIDED.model_copy(update={"outcome": "non_conforming"})]).status == "non_conforming"
