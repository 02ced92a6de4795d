"""Coupons: who may use them, and how they are divided over an order (domain 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final, Literal

from services.billing.domain.pricing import EXACT_DIGITS
from services.billing.domain.rejection import Rejection
from shared.money import round_half_up, split_in_proportion

UNKNOWN: Final = Rejection("coupon_unknown", "there is no such coupon", may_come=True)


@dataclass(frozen=True, slots=True)
class Coupon:
    """A code, and how often it may still be used (None: without limit)."""

    code: str
    kind: Literal["amount", "percent"]
    value: Decimal
    products: tuple[str, ...]
    valid_until: datetime
    account_id: str | None
    uses_left: int | None


def refused(
    coupon: Coupon | None,
    account_id: str,
    products: Sequence[str],
    amounts: Sequence[int],
    at: datetime,
) -> Rejection | None:
    """Why a coupon can't be used, or None where it can.

    Args:
        coupon: None where there is none with the order's code.
        account_id: who orders.
        products: what each item is.
        amounts: what each item costs, in smallest units.
        at: when it is ordered.
    """
    if coupon is None:
        return UNKNOWN
    if at >= coupon.valid_until:
        return Rejection("coupon_expired", f"the coupon was valid until {coupon.valid_until}")
    if coupon.account_id not in (None, account_id):
        return Rejection("coupon_not_applicable", "the coupon is somebody else's")
    if not set(coupon.products) & set(products):
        return Rejection("coupon_not_applicable", "the coupon is for other products")
    if not any(_weights(coupon, products, amounts)):
        return Rejection("coupon_not_applicable", "there is nothing that the coupon could take off")
    if coupon.uses_left == 0:
        return Rejection("coupon_used_up", "the coupon was used as often as it may be")
    return None


def shares(coupon: Coupon, products: Sequence[str], amounts: Sequence[int]) -> list[int]:
    """What the coupon takes off each item, in smallest units.

    It is divided in proportion to the amounts of the items that it applies to, the last units by
    largest remainder, and makes none of them negative.
    """
    weights = _weights(coupon, products, amounts)
    whole = sum(weights)
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        off = coupon.value * whole / 100 if coupon.kind == "percent" else coupon.value
        return split_in_proportion(min(round_half_up(off), whole), weights)


def _weights(coupon: Coupon, products: Sequence[str], amounts: Sequence[int]) -> list[int]:
    return [
        max(0, amount) if product in coupon.products else 0
        for product, amount in zip(products, amounts, strict=True)
    ]
