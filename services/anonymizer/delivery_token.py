"""One-time tokens: the case they belong to in clear, then a secret of which only the digest is ever kept."""

import hashlib
import secrets
from uuid import UUID

from services.chassis.events import Refused

SECRET_BYTES = 32
CASE_DIGITS = 32


def new_token(case: UUID) -> str:
    """Make a token for the delivery of one case: 32 hex digits of its id, then 256 random bits."""
    return f"{case.hex}{secrets.token_urlsafe(SECRET_BYTES)}"


def token_digest(token: str) -> str:
    """Give `sha256:<64 hex>` of a token, which is all that is stored."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def case_of(token: str) -> UUID:
    """Give the case a token belongs to; raises Refused for what is no token."""
    try:
        return UUID(hex=token[:CASE_DIGITS])
    except ValueError:
        raise Refused("109", "token", "this is no delivery token") from None
