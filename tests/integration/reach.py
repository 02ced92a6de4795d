"""Which accounts a statement reaches, as Postgres plans it: named ones, or all.

Rows of a table that is spread by account lie on many servers (docs/capacity.md). A statement that
compares `account_id` of each such table that it reads with something given, directly or by a join,
is sent where those accounts are; any other goes to every server.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.database import Connection

_CONDITIONS = frozenset(
    {"Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Merge Cond", "Join Filter"}
)
_TERM = r"(\"[^\"]+\"(?:\.\w+)?|[\w.$]+)"
_EQUAL = re.compile(rf"{_TERM}(?:\)::text)? = (?:ANY )?\(*{_TERM}")
_ACCOUNT = ".account_id"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a statement does with tables that are spread.

    Attributes:
        everywhere: the tables that it reads of all accounts.
        locks: whether it holds rows for what the transaction does next.
    """

    everywhere: frozenset[str]
    locks: bool


async def reach_of(db: Connection, statement: str, spread: Mapping[str, str]) -> Reach | None:
    """What a statement reaches; None where it reads no table that is spread.

    Args:
        db: a connection in the statement's schema.
        statement: with parameters, whose values don't matter.
        spread: the spread tables by their name and by the names of their partitions.
    """
    await db.execute("set local plan_cache_mode = force_generic_plan")
    await db.execute(f"prepare reached as {statement}")
    try:
        wanted = await db.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = 'reached'"
        )
        values = f"({', '.join(['null'] * wanted)})" if wanted else ""
        plan = json.loads(
            await db.fetchval(f"explain (verbose, format json) execute reached{values}")
        )
    finally:
        await db.execute("deallocate reached")
    nodes = list(_nodes(plan[0]["Plan"]))
    read = {
        node["Alias"]: spread[node["Relation Name"]]
        for node in nodes
        if "Scan" in node["Node Type"] and node.get("Relation Name") in spread
    }
    if not read:
        return None
    named = _named(nodes, read.keys())
    return Reach(
        frozenset(table for alias, table in read.items() if alias not in named),
        any(node["Node Type"] == "LockRows" for node in nodes),
    )


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _named(nodes: list[Mapping[str, Any]], aliases: Collection[str]) -> set[str]:
    """The scans of which the account is given: as a parameter, by what is no such scan itself, or
    by another scan of which it is given."""
    given: dict[str, set[str]] = {alias: set() for alias in aliases}
    for node in nodes:
        for condition in _CONDITIONS & node.keys():
            for pair in _EQUAL.findall(node[condition]):
                for mine, theirs in (pair, pair[::-1]):
                    if mine.endswith(_ACCOUNT) and (alias := mine.removesuffix(_ACCOUNT)) in given:
                        given[alias].add(theirs.removesuffix(_ACCOUNT))
    named: set[str] = set()
    while more := {
        alias
        for alias, others in given.items()
        if alias not in named and any(one not in given or one in named for one in others)
    }:
        named |= more
    return named
