"""Who acts: an opaque account in one role, for one tenant."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Acting:
    """The account and the role it uses now, and the trace of what it asks for; services act as `service:<name>`."""

    actor: str
    role: str
    tenant: str
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """The announced event that led here, and the journey it belongs to."""

    event: UUID
    correlation: UUID


def service_actor(name: str, tenant: str, trace: str | None = None) -> Acting:
    """Give the actor of a reaction or a date."""
    return Acting(actor=f"service:{name}", role="service", tenant=tenant, trace=trace)
