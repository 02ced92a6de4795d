"""Quotes: what an order would cost, asked by pages before anybody confirms it."""

from collections.abc import Sequence

from pydantic import ValidationError

from services.billing.domain.orders import Accepted
from services.billing.domain.quotes import quoted
from services.billing.domain.rejection import Rejection
from services.billing.handlers.orders import open_desk
from shared.database import Connection
from shared.messages import Said
from shared.messages.billing import QuotedItem, QuoteGiven
from shared.messages.upstream import OrderPlaced, QuoteRequested


async def quote_requested(questions: Sequence[QuoteRequested], db: Connection) -> list[Said]:
    """Price what is asked about as an order of that moment would be; nothing is kept or held."""
    said: list[Said] = []
    asked: list[tuple[QuoteRequested, OrderPlaced]] = []
    for question in questions:
        try:
            asked.append((question, question.as_order()))
        except ValidationError as error:
            message = error.errors(include_input=False)[0]["msg"]
            said.append(_rejected(question, Rejection("order_incomplete", message)))
    for question, order in asked:
        # Each by itself: no question takes anything from another.
        desk = await open_desk([order], db, hold=False)
        decision = desk.accept(order)
        if isinstance(decision, Rejection):
            said.append(_rejected(question, decision))
        else:
            said.append(_given(question, decision, quoted(decision, desk, order.time)))
    return said


def _given(question: QuoteRequested, accepted: Accepted, items: list[QuotedItem]) -> QuoteGiven:
    return QuoteGiven(
        quote_id=question.quote_id,
        account_id=question.account_id,
        currency=accepted.currency,
        user_type=accepted.user_type,
        items=tuple(items),
        to_pay=accepted.to_pay,
        to_hold=sum(item.held or 0 for item in accepted.to_hold),
        given_back=sum(item.given_back for item in items),
    ).because(question)


def _rejected(question: QuoteRequested, rejection: Rejection) -> QuoteGiven:
    return QuoteGiven(
        quote_id=question.quote_id,
        account_id=question.account_id,
        reason=rejection.reason,
        message=rejection.message,
    ).because(question)
