"""Keys of programs: a secret that is shown once, and kept as its hash."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.portal.store.api_keys import NewKey
from services.portal.web.visits import hash_of

_TOKEN: Final = re.compile(r"cloudtill_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")
"""Of a shape that scanners of repositories recognise."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key, and what its program is given: nobody can find that out later."""

    key: NewKey
    token: str


def make_key(
    account_id: str, name: str, scopes: tuple[str, ...], created_by: str, at: datetime
) -> MadeKey:
    """A key for a program of an account."""
    key_id = secrets.token_hex(8)
    token = f"cloudtill_{key_id}_{secrets.token_urlsafe(32)}"
    return MadeKey(NewKey(account_id, key_id, name, hash_of(token), scopes, created_by, at), token)


def is_token(text: str) -> bool:
    """Whether it may be one of ours at all."""
    return _TOKEN.fullmatch(text) is not None
