"""Facts: what messages tell of the things in read tables, gathered so that each table is written
once a group, its rows in one order, whatever the order in which messages came."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from shared.messages import Message

Key: TypeAlias = tuple[str, ...]
Row: TypeAlias = Mapping[str, Any]
Fact: TypeAlias = tuple[Key, Row]
"""Of which thing something is told, and what: columns and values. None is not told."""

Telling: TypeAlias = Callable[[Message], Iterable[Fact]]
"""What one message tells of the things of one table."""


def gathered(messages: Iterable[Message], telling: Telling) -> list[Row]:
    """What messages tell of each thing, one row a thing, in the order of their keys.

    Later messages (by business time) go before earlier ones where they tell the same.
    """
    rows: dict[Key, dict[str, Any]] = {}
    for message in sorted(messages, key=lambda one: one.time):
        for key, told in telling(message):
            row = rows.setdefault(key, {})
            row.update((name, value) for name, value in told.items() if value is not None)
    return in_order(rows)


def newest(
    messages: Iterable[Message], telling: Telling, version: Callable[[Row], Any]
) -> list[Row]:
    """Of each thing what its newest version tells, in the order of their keys."""
    rows: dict[Key, Row] = {}
    for message in messages:
        for key, told in telling(message):
            if key not in rows or version(told) > version(rows[key]):
                rows[key] = told
    return in_order(rows)


def in_order(rows: Mapping[Key, Row]) -> list[Row]:
    """Rows in the order of their keys, so that two workers never lock them in a circle."""
    return [rows[key] for key in sorted(rows)]


def each(facts: Iterable[Fact]) -> Sequence[Row]:
    """Rows of what is only added to, each key once."""
    return in_order(dict(facts))


def told_by(messages: Iterable[Message], telling: Telling) -> Iterator[Fact]:
    """All that messages tell of one table."""
    for message in messages:
        yield from telling(message)
