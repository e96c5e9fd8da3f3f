"""Bearer tokens: who may act as what, checked against the issuer's public keys."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ALGORITHMS: Final = ["Ed25519", "EdDSA", "RS256", "ES256"]
MOST_KNOWN: Final = 1024


class Unauthenticated(Exception):
    """The request carries no token that holds; the message says what is wrong with it, never the token."""


class Forbidden(Exception):
    """The token holds, but its roles do not allow this."""


class Claims(BaseModel):
    """What we read from a token: an opaque account, its tenant and roles."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:|\-]+$")
    tenant: str = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9\-]+$")
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Checks signature, issuer, audience and expiry. Keys come from a JWKS document; an OIDC provider's is the same kind.

    A token that held is known by its digest until it expires: checking a signature takes longer than an empty request.
    """

    keys: KeySet
    issuer: str
    audience: str
    known: dict[bytes, tuple[Claims, float]] = field(default_factory=dict)

    def claims(self, token: str) -> Claims:
        """Give the claims of a token; raises Unauthenticated."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        claims, until = self.known.get(digest, (None, 0.0))
        if claims is None or time.time() >= until:
            claims, until = self._checked(token)
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[digest] = claims, until
        return claims

    def _checked(self, token: str) -> tuple[Claims, float]:
        try:
            decoded = jwt.decode(token, self.keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(decoded.claims)
            return Claims.model_validate(decoded.claims), float(decoded.claims["exp"])
        except JoseError as error:
            raise Unauthenticated(error.error) from None
        except (ValidationError, ValueError) as error:
            raise Unauthenticated(f"malformed token ({type(error).__name__})") from None


def token_check(jwks_file: Path, issuer: str, audience: str) -> TokenCheck:
    """Read the issuer's public keys."""
    document: Any = json.loads(jwks_file.read_text("utf-8"))
    return TokenCheck(KeySet.import_key_set(document), issuer, audience)
