"""Ids that are derived, so that handling a message again names the same things again."""

from hashlib import blake2b
from typing import Final

_LONGEST: Final = 64


def numbered_id(kind: str, number: int, *parts: str) -> str:
    """An id for the `number`-th of what `parts` name together: `hold:00000002:9f…`, at most 64
    characters. Those of the same parts sort as their numbers do.
    """
    text = "\n".join(parts)
    return f"{kind}:{number:08d}:{blake2b(text.encode(), digest_size=16).hexdigest()}"


def derived_id(kind: str, *parts: str) -> str:
    """An id of at most 64 characters for what `parts` name together: `payment-ord-1`.

    One part is left readable where it fits; several, or a long one, are hashed, and marked by a
    colon, so that no two lists of parts give the same id.
    """
    if len(parts) == 1 and len(kind) + 1 + len(parts[0]) <= _LONGEST:
        return f"{kind}-{parts[0]}"
    text = "\n".join(parts)
    return f"{kind}:{blake2b(text.encode(), digest_size=16).hexdigest()}"
