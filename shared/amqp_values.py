"""AMQP's properties and headers as publishers really write them.

The broker passes on whatever a publisher puts there; a text that isn't UTF-8, or a time beyond all
calendars, makes pamqp end the connection, and the message comes back to end the next one. Such a
value says nothing about money: it is read as far as it can be, and the body says what it is.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from pamqp import decode
from pamqp.common import FieldValue

Decoder: TypeAlias = Callable[..., tuple[int, FieldValue]]

_LENGTH: Final = struct.Struct(">I")
_UNREADABLE: Final = (ValueError, OverflowError, OSError, IndexError, RecursionError)
_LEVELS_AT_MOST: Final = 16
"""Of tables within tables: what is nested deeper can't even be walked through by its keeper."""
_table: Final = decode.METHODS["table"]
_timestamp: Final = decode.METHODS["timestamp"]


def _any_text(value: bytes) -> tuple[int, str]:
    length = value[0]
    return length + 1, value[1 : length + 1].decode(errors="replace")


def _any_table(value: bytes) -> tuple[int, FieldValue]:
    try:
        consumed, table = _table(value)
    except _UNREADABLE:
        return _LENGTH.unpack_from(value)[0] + _LENGTH.size, {}
    return consumed, {} if _is_deeper(table, _LEVELS_AT_MOST) else table


def _is_deeper(value: FieldValue, levels: int) -> bool:
    """Whether tables and arrays are nested in more levels than these."""
    level: list[FieldValue] = [value]
    for _ in range(levels):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, dict | list) for one in level)


def _any_time(value: bytes) -> tuple[int, FieldValue]:
    try:
        return _timestamp(value)
    except _UNREADABLE:
        return 8, datetime.fromtimestamp(0, UTC)


def read_any_value() -> None:
    """Make pamqp read what it would otherwise end a connection for."""
    decode.METHODS.update(shortstr=_any_text, table=_any_table, timestamp=_any_time)


def storable(text: str) -> str:
    """Text that Postgres takes: without NUL, and without what is no character."""
    return text.replace("\x00", "?").encode(errors="replace").decode()
