"""Bearer tokens: who may act as what, checked against the issuer's public keys."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ALGORITHMS: Final = ["Ed25519", "EdDSA", "RS256", "ES256"]


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
    """Checks signature, issuer, audience and expiry. Keys come from a JWKS document; an OIDC provider's is the same kind."""

    keys: KeySet
    issuer: str
    audience: str

    def claims(self, token: str) -> Claims:
        """Give the claims of a token; raises Unauthenticated."""
        try:
            decoded = jwt.decode(token, self.keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(decoded.claims)
            return Claims.model_validate(decoded.claims)
        except JoseError as error:
            raise Unauthenticated(error.error) from None
        except (ValidationError, ValueError) as error:
            raise Unauthenticated(f"malformed token ({type(error).__name__})") from None


def token_check(jwks_file: Path, issuer: str, audience: str) -> TokenCheck:
    """Read the issuer's public keys."""
    document: Any = json.loads(jwks_file.read_text("utf-8"))
    return TokenCheck(KeySet.import_key_set(document), issuer, audience)
