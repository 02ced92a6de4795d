"""Ids that are derived, so that handling a message again names the same things again."""

from hashlib import blake2b
from typing import Final

_LONGEST: Final = 64


def derived_id(kind: str, *parts: str) -> str:
    """An id of at most 64 characters for what `parts` name together: `payment-ord-1`.

    One part is left readable where it fits; several, or a long one, are hashed, and marked by a
    colon, so that no two lists of parts give the same id.
    """
    if len(parts) == 1 and len(kind) + 1 + len(parts[0]) <= _LONGEST:
        return f"{kind}-{parts[0]}"
    text = "\n".join(parts)
    return f"{kind}:{blake2b(text.encode(), digest_size=16).hexdigest()}"
