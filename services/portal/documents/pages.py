"""What stands where on a document: its values as written text, in one language."""

from services.portal.documents.frame import TO, Page, amounts, page, sum_row, table
from services.portal.documents.values import (
    CreditNoteDocument,
    InvoiceDocument,
    Language,
    Line,
)
from services.portal.documents.words import (
    WORDS,
    date,
    moment,
    money,
    named,
    number,
    percent,
)


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
    return page(
        language,
        title=words["invoice"],
        number=invoice.number,
        seller=invoice.seller,
        buyer=invoice.buyer,
        particulars=particulars,
        tables=tables,
        bottom=amounts(bottom, code, language),
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
    return page(
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
            table(
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
        bottom=amounts([*bottom, (words["credited"], note.amount)], code, language),
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
            sum_row(words["subtotal"], (net, vat, net + vat), code, language),
            sum_row(words["coupon"], tuple(-part for part in off), code, language),
        ]
    sums.append(sum_row(words["total"], (invoice.net, invoice.vat, invoice.gross), code, language))
    columns = [
        (words["description"], "wide"),
        (words["quantity"], "right"),
        (words["net"], "right"),
        (words["rate"], "right"),
        (words["vat"], "right"),
        (f"{words['gross']} ({code})", "right"),
    ]
    return table(None, columns, rows, sums)


def _description(line: Line) -> str:
    return line.description or line.sku


def _detail(line: Line, invoice: InvoiceDocument, language: Language) -> str:
    """How the line came about: its SKU, time, price and what a contract takes off."""
    words = WORDS[language]
    parts = [line.sku] if line.description and line.description != line.sku else []
    if line.period_from and line.period_to:
        start = moment(line.period_from, invoice.zone, language)
        parts.append(f"{start} {TO} {moment(line.period_to, invoice.zone, language)}")
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
    return table(words["vat_summary"], columns, rows)


def _payments(invoice: InvoiceDocument, language: Language) -> Page:
    words = WORDS[language]
    rows = [
        (
            [
                one.payment_id or "-",
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
    return table(words["payments"], columns, rows)


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
    return table(words["credit_notes"], columns, rows)


def _period(invoice: InvoiceDocument, language: Language) -> str:
    start = date(invoice.period_from, invoice.zone, language)
    return f"{start} {TO} {date(invoice.period_to, invoice.zone, language)}"


def _resource(invoice: InvoiceDocument) -> str:
    if invoice.resource in ("", invoice.resource_id):
        return invoice.resource_id
    return f"{invoice.resource} ({invoice.resource_id})"
