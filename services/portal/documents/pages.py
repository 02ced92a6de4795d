"""What stands where on a document: its values as written text, in one language."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from services.portal.documents.values import (
    CreditNoteDocument,
    InvoiceDocument,
    Language,
    Line,
    Party,
    StatementDocument,
)
from services.portal.documents.words import (
    WORDS,
    date,
    moment,
    money,
    month,
    named,
    number,
    percent,
)

_TO: Final = "\N{EN DASH}"
Page: TypeAlias = dict[str, Any]
"""JSON for `document.typ`."""


def invoice_page(invoice: InvoiceDocument, language: Language) -> Page:
    """An invoice: its lines, VAT by rate, what was paid, and what is outstanding."""
    words, zone, code = WORDS[language], invoice.zone, invoice.currency
    particulars = [
        (words["issued_at"], date(invoice.issued_at, zone, language)),
        (words["period"], _period(invoice, language)),
        (words["resource"], _resource(invoice)),
        (words["account"], invoice.buyer.account_id),
        (words["order"], invoice.order_id),
    ]
    if invoice.due_at is not None:
        particulars.insert(1, (words["due_at"], date(invoice.due_at, zone, language)))
    tables = [_lines(invoice, language), _vat(invoice, language)]
    if invoice.payments:
        tables.append(_payments(invoice, language))
    if invoice.credits:
        tables.append(_credits(invoice, language))
    bottom = [
        (words["total"], invoice.gross),
        (words["paid"], -invoice.paid),
        *([(words["credited"], -invoice.credited)] if invoice.credited else []),
        (words["outstanding"], invoice.outstanding),
    ]
    bank = invoice.seller.bank
    return _page(
        language,
        title=words["invoice"],
        number=invoice.number,
        seller=invoice.seller,
        buyer=invoice.buyer,
        particulars=particulars,
        tables=tables,
        bottom=_amounts(bottom, code, language),
        status=named("status", invoice.status, language),
        settled=invoice.outstanding == 0,
        note=f"{words['bank']}: {bank}" if bank and invoice.outstanding else None,
    )


def credit_note_page(note: CreditNoteDocument, language: Language) -> Page:
    """A credit note: which invoice it corrects, by how much, and why."""
    words, zone, code = WORDS[language], note.zone, note.currency
    line = [
        note.reason,
        money(note.net, code, language),
        f"{percent(note.vat_rate, language)}  {money(note.vat, code, language)}",
        money(note.amount, code, language),
    ]
    bottom = [(words["given_back"], note.given_back)] if note.given_back else []
    corrected = date(note.invoice_issued_at, zone, language)
    return _page(
        language,
        title=words["credit_note"],
        number=note.number,
        seller=note.seller,
        buyer=note.buyer,
        particulars=[
            (words["issued_at"], date(note.at, zone, language)),
            (words["of_invoice"], f"{note.invoice_number} · {corrected}"),
            (words["account"], note.buyer.account_id),
        ],
        tables=[
            _table(
                None,
                [
                    (words["reason"], "wide"),
                    (words["net"], "right"),
                    (words["vat"], "right"),
                    (f"{words['credited']} ({code})", "right"),
                ],
                [(line, None)],
            )
        ],
        bottom=_amounts([*bottom, (words["credited"], note.amount)], code, language),
    )


def statement_page(statement: StatementDocument, language: Language) -> Page:
    """A month of an account: its invoices, its payments, and its credit wallet."""
    words = WORDS[language]
    return _page(
        language,
        title=words["statement"],
        number=month(statement.month, language),
        seller=statement.seller,
        buyer=statement.buyer,
        particulars=[
            (words["month"], month(statement.month, language)),
            (words["made_at"], moment(statement.made_at, statement.zone, language)),
            (words["account"], statement.buyer.account_id),
        ],
        tables=[
            _invoices_of_month(statement, language),
            _payments_of_month(statement, language),
            _movements(statement, language),
        ],
        bottom=_amounts(
            [
                (words["closing"], statement.closing_balance),
                (words["outstanding"], statement.outstanding),
            ],
            statement.currency,
            language,
        ),
    )


def _lines(invoice: InvoiceDocument, language: Language) -> Page:
    words, code = WORDS[language], invoice.currency
    rows = [
        (
            [
                _description(line),
                number(line.quantity.normalize(), language),
                money(line.net, code, language),
                percent(line.vat_rate, language),
                money(line.vat, code, language),
                money(line.gross, code, language),
            ],
            _detail(line, invoice, language),
        )
        for line in invoice.lines
    ]
    net = sum(line.net for line in invoice.lines)
    vat = sum(line.vat for line in invoice.lines)
    sums: list[list[str]] = []
    if invoice.discount:
        off = (invoice.discount - invoice.discount_vat, invoice.discount_vat, invoice.discount)
        sums = [
            _sum(words["subtotal"], (net, vat, net + vat), code, language),
            _sum(words["coupon"], tuple(-part for part in off), code, language),
        ]
    sums.append(_sum(words["total"], (invoice.net, invoice.vat, invoice.gross), code, language))
    columns = [
        (words["description"], "wide"),
        (words["quantity"], "right"),
        (words["net"], "right"),
        (words["rate"], "right"),
        (words["vat"], "right"),
        (f"{words['gross']} ({code})", "right"),
    ]
    return _table(None, columns, rows, sums)


def _sum(name: str, amounts: Sequence[int], code: str, language: Language) -> list[str]:
    net, vat, gross = (money(amount, code, language) for amount in amounts)
    return [name, "", net, "", vat, gross]


def _description(line: Line) -> str:
    return line.description or line.sku


def _detail(line: Line, invoice: InvoiceDocument, language: Language) -> str:
    """How the line came about: its SKU, time, price and what a contract takes off."""
    words = WORDS[language]
    parts = [line.sku] if line.description and line.description != line.sku else []
    if line.period_from and line.period_to:
        start = moment(line.period_from, invoice.zone, language)
        parts.append(f"{start} {_TO} {moment(line.period_to, invoice.zone, language)}")
    if line.minutes is not None:
        parts.append(f"{number(line.minutes, language)} {words['minutes']}")
    included = words["vat_included" if line.vat_included else "vat_excluded"]
    price = number(line.unit_price.normalize(), language)
    parts.append(f"{words['list_price']} {price} {invoice.currency} {included}")
    if line.discount_rate:
        parts.append(f"{percent(line.discount_rate, language)} {words['off']}")
    if line.month:
        parts.append(f"{words['correction']} {line.month}")
    return " · ".join(parts)


def _vat(invoice: InvoiceDocument, language: Language) -> Page:
    words, code = WORDS[language], invoice.currency
    rows = [
        (
            [
                percent(share.rate, language),
                money(share.net, code, language),
                money(share.vat, code, language),
                money(share.gross, code, language),
            ],
            None,
        )
        for share in invoice.vat_shares
    ]
    columns = [
        (words["rate"], "wide"),
        (words["net"], "right"),
        (words["vat"], "right"),
        (words["gross"], "right"),
    ]
    return _table(words["vat_summary"], columns, rows)


def _payments(invoice: InvoiceDocument, language: Language) -> Page:
    words = WORDS[language]
    rows = [
        (
            [
                one.payment_id,
                moment(one.at, invoice.zone, language),
                named("method", one.method, language),
                money(one.amount, invoice.currency, language),
            ],
            None,
        )
        for one in invoice.payments
    ]
    columns = [
        (words["payment"], "wide"),
        (words["date"], "left"),
        (words["method"], "left"),
        (words["amount"], "right"),
    ]
    return _table(words["payments"], columns, rows)


def _credits(invoice: InvoiceDocument, language: Language) -> Page:
    words = WORDS[language]
    rows = [
        (
            [
                one.number,
                moment(one.at, invoice.zone, language),
                money(one.amount, invoice.currency, language),
            ],
            None,
        )
        for one in invoice.credits
    ]
    columns = [(words["number"], "wide"), (words["date"], "left"), (words["amount"], "right")]
    return _table(words["credit_notes"], columns, rows)


def _invoices_of_month(statement: StatementDocument, language: Language) -> Page:
    words, code = WORDS[language], statement.currency
    rows = [
        (
            [
                one.number,
                date(one.issued_at, statement.zone, language),
                *(
                    money(amount, code, language)
                    for amount in (one.net, one.vat, one.gross, one.outstanding)
                ),
            ],
            one.resource,
        )
        for one in statement.invoices
    ]
    columns = [
        (words["number"], "wide"),
        (words["issued_at"], "left"),
        (words["net"], "right"),
        (words["vat"], "right"),
        (f"{words['gross']} ({code})", "right"),
        (words["outstanding"], "right"),
    ]
    totals = [
        words["total"],
        "",
        *(
            money(amount, code, language)
            for amount in (
                sum(one.net for one in statement.invoices),
                sum(one.vat for one in statement.invoices),
                sum(one.gross for one in statement.invoices),
                statement.outstanding,
            )
        ),
    ]
    return _table(words["invoices"], columns, rows, [totals] if rows else [])


def _payments_of_month(statement: StatementDocument, language: Language) -> Page:
    words, code = WORDS[language], statement.currency
    rows = [
        (
            [
                one.what,
                moment(one.at, statement.zone, language),
                named("method", one.method, language),
                money(one.amount, code, language),
            ],
            one.payment_id if one.payment_id != one.what else None,
        )
        for one in statement.payments
    ]
    columns = [
        (words["paid_for"], "wide"),
        (words["date"], "left"),
        (words["method"], "left"),
        (f"{words['amount']} ({code})", "right"),
    ]
    whole = money(sum(one.amount for one in statement.payments), code, language)
    return _table(
        words["payments"], columns, rows, [[words["total"], "", "", whole]] if rows else []
    )


def _movements(statement: StatementDocument, language: Language) -> Page:
    words, code = WORDS[language], statement.currency
    opening = [words["opening"], "", "", money(statement.opening_balance, code, language)]
    rows: list[tuple[list[str], str | None]] = [(opening, None)]
    rows += [
        (
            [
                named("reason", one.reason, language),
                moment(one.at, statement.zone, language),
                money(one.amount, code, language),
                money(one.balance, code, language),
            ],
            None,
        )
        for one in statement.entries
    ]
    columns = [
        (words["movement"], "wide"),
        (words["date"], "left"),
        (words["amount"], "right"),
        (f"{words['balance']} ({code})", "right"),
    ]
    closing = [words["closing"], "", "", money(statement.closing_balance, code, language)]
    return _table(words["wallet"], columns, rows, [closing])


def _page(
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


def _table(
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


def _amounts(named_amounts: Sequence[tuple[str, int]], code: str, language: Language) -> list[Page]:
    last = len(named_amounts) - 1
    return [
        {
            "name": name,
            "value": money(amount, code, language, with_currency=True),
            "strong": place == last,
        }
        for place, (name, amount) in enumerate(named_amounts)
    ]


def _period(invoice: InvoiceDocument, language: Language) -> str:
    start = date(invoice.period_from, invoice.zone, language)
    return f"{start} {_TO} {date(invoice.period_to, invoice.zone, language)}"


def _resource(invoice: InvoiceDocument) -> str:
    if invoice.resource in ("", invoice.resource_id):
        return invoice.resource_id
    return f"{invoice.resource} ({invoice.resource_id})"
