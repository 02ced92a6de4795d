"""What all documents have in common: head, parties, tables, and sums at the bottom."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from services.portal.documents.values import Language, Party
from services.portal.documents.words import (
    WORDS,
    money,
)

TO: Final = "\N{EN DASH}"
Page: TypeAlias = dict[str, Any]
"""JSON for `document.typ`."""


def page(
    language: Language,
    *,
    title: str,
    number: str,
    seller: Party,
    buyer: Party,
    particulars: Iterable[tuple[str, str | None]],
    tables: Sequence[Page],
    bottom: Sequence[Page],
    status: str | None = None,
    settled: bool = False,
    note: str | None = None,
) -> Page:
    words = WORDS[language]
    footer = " · ".join(part for part in (seller.name, seller.email, seller.phone) if part)
    return {
        "language": language,
        "words": {name: words[name] for name in ("billed_to", "none", "page", "page_of")},
        "title": title,
        "number": number,
        "status": status,
        "settled": settled,
        "seller": {"name": seller.name, "lines": _contact(seller, language)},
        "buyer": {"name": buyer.name, "lines": _contact(buyer, language)},
        "particulars": [{"name": name, "value": value} for name, value in particulars if value],
        "tables": list(tables),
        "bottom": list(bottom),
        "note": note,
        "footer": footer,
    }


def _contact(party: Party, language: Language) -> list[str]:
    words = WORDS[language]
    lines = list(party.address)
    if party.tax_code:
        lines.append(f"{words['tax_code']}: {party.tax_code}")
    if party.phone:
        lines.append(f"{words['phone']}: {party.phone}")
    if party.email:
        lines.append(party.email)
    return lines or [""]


def table(
    title: str | None,
    columns: Iterable[tuple[str, str]],
    rows: Iterable[tuple[list[str], str | None]],
    sums: Sequence[list[str]] = (),
) -> Page:
    """A table: `columns` are names and `wide`, `left` or `right`; a row may have a detail."""
    return {
        "title": title,
        "columns": [
            {"name": name, "right": side == "right", "wide": side == "wide"}
            for name, side in columns
        ],
        "rows": [{"cells": cells, "detail": detail or None} for cells, detail in rows],
        "sums": list(sums),
    }


def amounts(named_amounts: Sequence[tuple[str, int]], code: str, language: Language) -> list[Page]:
    last = len(named_amounts) - 1
    return [
        {
            "name": name,
            "value": money(amount, code, language, with_currency=True),
            "strong": place == last,
        }
        for place, (name, amount) in enumerate(named_amounts)
    ]


def sum_row(name: str, amounts: Sequence[int], code: str, language: Language) -> list[str]:
    net, vat, gross = (money(amount, code, language) for amount in amounts)
    return [name, "", net, "", vat, gross]
