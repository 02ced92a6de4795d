"""Places in lists: opaque to programs, and the key of the last row to us (keyset pagination).

A page begins after its cursor, wherever rows were added meanwhile: none is passed over, and none
comes twice.
"""

import binascii
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from services.portal.api.problems import Refusal


class Keyed(Protocol):
    """A row, of which columns are asked by name."""

    def __getitem__(self, name: str, /) -> Any: ...


def cursor_at(row: Keyed, columns: Sequence[str]) -> str:
    """The place of a row in a list that is ordered by these columns."""
    values = [row[name] for name in columns]
    text = json.dumps([one.isoformat() if isinstance(one, datetime) else one for one in values])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str | None, types: Sequence[type]) -> list[Any]:
    """The values behind a cursor; all None where there is none.

    Raises:
        Refusal: `invalid_cursor` for what is none of this list's.
    """
    if cursor is None:
        return [None for _ in types]
    try:
        values = json.loads(b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True))
        if not isinstance(values, list):
            raise TypeError("no list")
        return [_typed(one, type_) for one, type_ in zip(values, types, strict=True)]
    except (ValueError, TypeError, binascii.Error):
        raise Refusal(400, "invalid_cursor", "a cursor is the `next` of a page, as it is") from None


def _typed(value: Any, type_: type) -> Any:
    if type_ is datetime:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("no offset")
        return at
    if type(value) is not type_ or (isinstance(value, str) and "\x00" in value):
        raise TypeError(f"no {type_.__name__}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("too large")
    return value
