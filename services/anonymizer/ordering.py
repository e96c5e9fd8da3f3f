"""The keyed order of an extract: file order shows households, so records are re-ordered by a key that is destroyed afterwards."""

import hashlib
import hmac
from typing import Final

KEY_BYTES: Final = 32
BLOCK: Final = 64


def keyed(text: str) -> str:
    """Give SQL for the HMAC-SHA256 (RFC 2104) of a text expression in hex; the two padded keys are bound, so no key stands in SQL."""
    return f"sha256($outer || unhex(sha256($inner || encode({text}))))"


KEYED_ORDER: Final = keyed("CAST(record AS VARCHAR)")


def fingerprint(key: bytes) -> str:
    """Give `sha256:<64 hex>` by which a key is named after its destruction; it tells nothing about the order."""
    return f"sha256:{hmac.new(key, b'anken: fingerprint of an ordering key', hashlib.sha256).hexdigest()}"


def order_parameters(key: bytes) -> dict[str, bytes]:
    """Give the parameters that a keyed expression binds; raises ValueError for a key that is not 256 bits long."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"an ordering key has {KEY_BYTES} bytes")
    padded = key.ljust(BLOCK, b"\0")
    return {"inner": bytes(byte ^ 0x36 for byte in padded), "outer": bytes(byte ^ 0x5C for byte in padded)}
