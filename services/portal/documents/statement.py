"""What stands where on a monthly statement."""

from services.portal.documents.frame import Page, amounts, page, table
from services.portal.documents.values import Language, StatementDocument
from services.portal.documents.words import (
    WORDS,
    date,
    moment,
    money,
    month,
    named,
)


def statement_page(statement: StatementDocument, language: Language) -> Page:
    """A month of an account: its invoices, its payments, and its credit wallet."""
    words = WORDS[language]
    return page(
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
        bottom=amounts(
            [
                (words["closing"], statement.closing_balance),
                (words["outstanding"], statement.outstanding),
            ],
            statement.currency,
            language,
        ),
    )


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
    return table(words["invoices"], columns, rows, [totals] if rows else [])


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
    return table(
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
    return table(words["wallet"], columns, rows, [closing])
