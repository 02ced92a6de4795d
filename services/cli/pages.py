"""What `cloudtill show` finds and how much of it: one thing with its lists, or a page of a list."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from services.cli.console import Failure
from shared.database import Connection, Row
from shared.periods import BillingMonth

Rows: TypeAlias = Sequence[Row] | Sequence[Mapping[str, Any]]
_POSITION_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for of a list: at most `limit` rows of a history after the token `after`, and
    of use the stretch that is a billing month."""

    limit: int
    after: str | None
    month: BillingMonth

    @property
    def one_more(self) -> int:
        """Rows to be read, so that it is known whether a page follows."""
        return self.limit + 1

    def before(self) -> tuple[datetime, str] | None:
        """Where a history goes on that is ordered by time and id."""
        if self.after is None:
            return None
        at, _, name = self.after.partition("~")
        try:
            since = datetime.fromisoformat(at)
        except ValueError:
            raise self.wrong_token() from None
        if since.tzinfo is None:
            raise self.wrong_token()
        return since, name

    def position(self) -> int | None:
        """Where a ledger goes on, which is ordered by position."""
        if self.after is None:
            return None
        if not self.after.isdecimal() or len(self.after) > _POSITION_DIGITS:
            raise self.wrong_token()
        return int(self.after)

    def wrong_token(self) -> Failure:
        """What is said of a token that is of no page."""
        return Failure(f"--page: {self.after!r} is no token of this history", code=2)

    def cut(self, rows: Rows, token: Callable[[Mapping[str, Any]], str]) -> tuple[Rows, str | None]:
        """The rows of this page, and the token of the next one where one follows."""
        if len(rows) <= self.limit:
            return rows, None
        rows = rows[: self.limit]
        return rows, token(dict(rows[-1].items()))


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown: one thing's fields, lists that belong to it, and the next page."""

    row: Row | Mapping[str, Any] | None
    lists: Mapping[str, Rows] = field(default_factory=dict)
    next_page: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The thing's own fields; none where only lists are shown."""
        return dict(self.row.items()) if self.row else {}


Finder: TypeAlias = Callable[[Connection, str, Page], Awaitable[Shown | None]]


def token_of(at: str, name: str) -> Callable[[Mapping[str, Any]], str]:
    """The token of a history that is ordered by time and id."""
    return lambda row: f"{row[at].isoformat()}~{row[name]}"
