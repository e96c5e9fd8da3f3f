"""What another service told us, as a reaction sees it, and what we answer with: steps to take."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from contracts.values import ContractEvent
from services.chassis.aggregate import Step

P_co = TypeVar("P_co", bound=ContractEvent, covariant=True)


@dataclass(frozen=True, slots=True)
class Heard(Generic[P_co]):
    """One contract event with the part of its envelope that a reaction may use; `today` is our own business date."""

    event: P_co
    id: UUID
    subject: UUID
    tenant: str
    actor: str
    time: datetime
    today: date


Reactions = Mapping[type[ContractEvent], Callable[[Heard[Any]], Iterable[Step]]]
