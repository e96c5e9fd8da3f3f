"""The development issuer: signs tokens with a key in a private folder, until a real OIDC provider stands in its place."""

import json
import os
import time
from pathlib import Path
from typing import Final

from joserfc import jwt
from joserfc.jwk import OKPKey

ISSUER: Final = "urn:anken:issuer:development"
HOUR: Final = 3600


class DevelopmentIssuer:
    """Mints tokens; its public keys lie beside its private one as a JWKS document."""

    def __init__(self, folder: Path) -> None:
        """Use the key in `folder`, making one if there is none."""
        self.private = folder / "issuer.json"
        self.jwks = folder / "jwks.json"
        if not self.private.exists():
            key = OKPKey.generate_key("Ed25519", {"kid": "development", "use": "sig"})
            descriptor = os.open(self.private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(key.as_dict(private=True), file)
            self.jwks.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        self.key = OKPKey.import_key(json.loads(self.private.read_text()))

    def token(self, account: str, *roles: str, tenant: str, audience: str = "anken", seconds: int = HOUR) -> str:
        """Mint a token for an account with its roles; it is good for an hour."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": audience, "sub": account, "tenant": tenant, "roles": list(roles), "iat": now, "exp": now + seconds}
        return jwt.encode({"alg": "Ed25519", "kid": "development"}, claims, self.key, algorithms=["Ed25519"])
