"""Signatures of webhooks as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """A secret that nobody had before."""
    return _PREFIX + b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(event_id: str, at_s: int, body: bytes, signing: Sequence[str]) -> dict[str, str]:
    """The headers by which a receiver knows that it is us, and when it was sent.

    Args:
        event_id: the same at each attempt.
        at_s: of this attempt, in seconds since 1970.
        body: as it is sent.
        signing: secrets, the present one first; each gives a signature.
    """
    signatures = [_signature(secret, event_id, at_s, body) for secret in signing]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, event_id: str, at_s: int, body: bytes) -> str:
    key = b64decode(secret.removeprefix(_PREFIX))
    content = f"{event_id}.{at_s}.".encode() + body
    return "v1," + b64encode(hmac.digest(key, content, sha256)).decode()
