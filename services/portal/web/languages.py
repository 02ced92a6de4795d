"""Languages: words from `services/portal/words`, numbers, money and times by babel.

A plain catalogue instead of gettext's: each word stands once with all its languages beside each
other, so that none can be forgotten, in a file an area, and there is nothing to compile.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent

from shared.money import currency as currency_named
from shared.settings import settings

NOTHING: Final = "\N{EN DASH}"
LANGUAGES: Final = {"en": "English", "vi": "Tiếng Việt"}
DEFAULT: Final = "en"
Word = Mapping[str, str]


@cache
def words() -> Mapping[str, Word]:
    """Every word in every language, by its key: `overview.title`.

    Raises:
        ValueError: if one is there twice, or lacks a language.
    """
    found: dict[str, Word] = {}
    for file in sorted((files("services.portal") / "words").iterdir(), key=lambda one: one.name):
        for key, word in _flat(tomllib.loads(file.read_text("utf-8")), ""):
            if key in found:
                raise ValueError(f"{file.name}: {key} is there twice")
            if word.keys() != LANGUAGES.keys():
                raise ValueError(f"{file.name}: {key} is not in {' and '.join(LANGUAGES)}")
            found[key] = word
    return found


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Word]]:
    for name, branch in tree.items():
        if all(isinstance(leaf, str) for leaf in branch.values()):
            yield f"{prefix}{name}", branch
        else:
            yield from _flat(branch, f"{prefix}{name}.")


@cache
def _locale(code: str) -> Locale:
    """Reading one is most of what writing an amount costs: each is read once."""
    return Locale.parse({"en": "en_GB", "vi": "vi_VN"}[code])


@dataclass(frozen=True, slots=True)
class Language:
    """A language and a time zone: how things are said to somebody."""

    code: str
    zone: ZoneInfo

    @property
    def locale(self) -> Locale:
        return _locale(self.code)

    def t(self, key: str, **values: object) -> str:
        """A word, its places filled in.

        Raises:
            KeyError: if there is none: a test finds it.
        """
        word = words()[key][self.code]
        return word.format(**values) if values else word

    def code_words(self, prefix: str, code: str) -> str:
        """The words for a stable code, such as a reason; the code itself where there are none."""
        word = words().get(f"{prefix}.{code}")
        return word[self.code] if word else code.replace("_", " ")

    def money(self, amount: int | None, currency: str | None = "VND") -> str:
        """An amount in smallest units, with its currency."""
        if amount is None:
            return NOTHING
        code = currency or "VND"
        units = Decimal(amount).scaleb(-currency_named(code).digits)
        return format_currency(units, code, locale=self.locale)

    def number(self, value: Decimal | float | str) -> str:
        """A quantity."""
        return format_decimal(Decimal(str(value)).normalize(), locale=self.locale)

    def percent(self, share: Decimal | float | str) -> str:
        """A share of 1, in per cent."""
        return format_percent(Decimal(str(share)), format="#,##0.##%", locale=self.locale)

    def when(self, at: datetime | None) -> str:
        """A time, by clocks in the account's time zone."""
        if at is None:
            return NOTHING
        return format_datetime(at, "medium", self.zone, self.locale)

    def day(self, at: datetime | None) -> str:
        """A date, by clocks in the account's time zone."""
        if at is None:
            return NOTHING
        return format_date(at.astimezone(self.zone), "medium", self.locale)

    def span(self, until: datetime, now: datetime) -> str:
        """How long it is until a time: `in 3 days`."""
        return format_timedelta(until - now, add_direction=True, locale=self.locale)

    def month(self, period: str) -> str:
        """A billing month, `2026-11`, in words."""
        first = datetime.fromisoformat(f"{period}-01").date()
        return format_date(first, "LLLL y", locale=self.locale)


def language_of(wanted: str | None, accepted: str, zone: str | None) -> Language:
    """The language that somebody chose, or else that their browser asks for.

    Args:
        wanted: a code that was chosen, if any.
        accepted: the header `Accept-Language`.
        zone: the account's time zone, if it has one.
    """
    code = wanted if wanted in LANGUAGES else next(_in(accepted), DEFAULT)
    try:
        known = ZoneInfo(zone) if zone else None
    except (KeyError, ValueError):
        known = None
    return Language(code, known or ZoneInfo(settings().billing_time_zone))


def _in(accepted: str) -> Iterator[str]:
    for part in accepted.split(","):
        code = part.partition(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            yield code
