"""The events of whole screenings as review stores them: all events of a case, many cases at a time, typed text sealed."""

import base64
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from uuid6 import uuid7

from services.chassis.events import Event
from services.chassis.keyring import PREFIX
from services.chassis.recorded import About, Appending, Recorded, RecordedMapper
from services.review.events import (
    CompletenessNoted,
    ContractApplied,
    ContractConcluded,
    CostEstimated,
    CriterionFound,
    FeeNoted,
    PaymentNoted,
    ProposalNoted,
    ResultNotified,
    ScreeningDecided,
    ScreeningStarted,
    UseEnded,
)

MAPPER: Final = RecordedMapper()
AT_ONCE: Final = 400  # cases under way at one time: neighbours in the store seldom belong to the same case
DIGEST: Final = f"sha256:{'7' * 64}"
DAY: Final = date(2026, 10, 1)


def sealed(chance: random.Random) -> str:
    """Give a sealed reason of some 60 to 200 Japanese characters."""
    return PREFIX + base64.b64encode(chance.randbytes(chance.randint(200, 600))).decode()


def screening(chance: random.Random, number: int) -> Iterator[tuple[str, Event]]:
    """Give the events of one case with the kind of stream each belongs to."""
    party, file = UUID(int=chance.getrandbits(128)), UUID(int=chance.getrandbits(128))
    yield (
        "screening",
        ProposalNoted(
            account=f"proposer-{number}", kind="first", body="mayor", file=file, party=party, principal_count=1200,
            file_principal_count=20_000, use_from=DAY, use_to=DAY,
        ),
    )  # fmt: skip
    yield "screening", CompletenessNoted()
    yield "screening", ScreeningStarted(criteria=(1, 2, 3, 4, 5, 6, 7))
    for criterion in range(1, 8):
        yield (
            "screening",
            CriterionFound(criterion=criterion, met=True, reason=sealed(chance), specification=DIGEST if criterion == 3 else None),
        )
    yield "screening", CostEstimated(creation_minutes=480, outsourcing=0)
    yield "screening", FeeNoted(total=52_600)
    yield "screening", ScreeningDecided(outcome="conforming", failed=(), reasons=sealed(chance), specification=DIGEST, fee=52_600)
    yield (
        "screening",
        ResultNotified(
            notice_number=f"R8-{number:06}", form="form9", outcome="conforming", failed=(), reasons=None, fee=52_600,
            payment_method="transfer", payment_due=DAY, delivery_method="download", notified=DAY,
        ),
    )  # fmt: skip
    yield (
        "contract",
        ContractApplied(
            party=party, notice_number=f"R8-{number:06}", fee=52_600, payment_due=DAY, delivery_method="download", use_from=DAY,
            use_to=DAY, applied=DAY,
        ),
    )  # fmt: skip
    yield "contract", PaymentNoted()
    yield (
        "contract",
        ContractConcluded(
            contract_number=f"R8-C{number:06}", party=party, use_from=DAY, use_to=DAY, delivery_method="download", concluded=DAY
        ),
    )
    yield "contract", UseEnded(contract_number=f"R8-C{number:06}", ended=DAY)


def stored_screenings(count: int, seed: int = 1) -> Iterator[Appending]:
    """Give so many events in the order of a store, where whole cases run side by side."""
    chance = random.Random(seed)
    under_way: list[tuple[UUID, dict[str, int], Iterator[tuple[str, Event]]]] = []
    number = given = 0
    while given < count:
        if len(under_way) < AT_ONCE:
            number += 1
            under_way.append((UUID(bytes=uuid7().bytes), {}, screening(chance, number)))
        place = chance.randrange(len(under_way))
        case, versions, events = under_way[place]
        following = next(events, None)
        if following is None:
            under_way[place] = under_way[-1]
            under_way.pop()
            continue
        kind, event = following
        versions[kind] = versions.get(kind, 0) + 1
        given += 1
        yield MAPPER.to_stored_event(Recorded(f"{kind}-{case}", versions[kind], about(case), event))


def about(case: UUID) -> About:
    """Give an envelope of the usual size."""
    return About(
        id=UUID(bytes=uuid7().bytes), tenant="minatono", actor="service:review", role="service", correlation=case,
        causation=UUID(bytes=uuid7().bytes), time=datetime.now(UTC), law_revision="20260717_508AC0000000062",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )  # fmt: skip
