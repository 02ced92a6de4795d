"""Signatures: hexadecimal HMAC-SHA256, compared in constant time."""

import hmac
from hashlib import sha256
from typing import Annotated

from pydantic import Field, SecretStr

Key = Annotated[SecretStr, Field(min_length=12)]
"""Never an empty one, under which everybody could sign."""


def signature(key: SecretStr, text: str) -> str:
    """The signature of a text under a key."""
    return hmac.new(key.get_secret_value().encode(), text.encode(), sha256).hexdigest()


def is_signed(key: SecretStr, text: str, mac: str) -> bool:
    """Whether `mac` is the signature of the text; takes equally long either way."""
    return hmac.compare_digest(signature(key, text).encode(), mac.lower().encode())
