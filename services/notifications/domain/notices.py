"""Every notice that users are sent (domain 7, 8): what it tells, and whether it may be muted."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from shared.messages.upstream import NoticeGroup
from shared.money import CURRENCIES, MAX_AMOUNT

Language: TypeAlias = Literal["en", "vi"]
Kind: TypeAlias = Literal["text", "code", "money", "time", "count", "flag", "names", "link"]
_LONGEST: Final = 2_000
_MOST_NAMES: Final = 1_000
_LINK: Final = re.compile(r"https?://[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Fact:
    """What a notice tells. What is `optional` may be missing or null."""

    kind: Kind
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A kind of notice. What is `mandatory` is sent whatever was muted."""

    group: NoticeGroup
    facts: Mapping[str, Fact] = field(default_factory=dict)
    mandatory: bool = False

    def fault(self, facts: Mapping[str, Any]) -> str | None:
        """What is wrong with these facts, in words; None where nothing is."""
        for name, fact in self.facts.items():
            value = facts.get(name)
            if value is None:
                if not fact.optional:
                    return f"the fact {name} is missing"
            elif not _IS[fact.kind](value):
                return f"the fact {name} is no {fact.kind}"
        currency = facts.get("currency")
        if currency is not None and currency not in CURRENCIES:
            return "the currency is unknown"
        return None

    def told(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What of these facts it tells, and in which currency; nothing else is kept."""
        return {name: facts.get(name) for name in (*self.facts, "currency")}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    """Text that Postgres and a mail can hold."""
    return (
        isinstance(value, str)
        and len(value) <= _LONGEST
        and not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
    )


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_IS: Final[Mapping[Kind, Callable[[Any], bool]]] = {
    "text": _is_text,
    "code": _is_text,
    "link": lambda value: _is_text(value) and _LINK.fullmatch(value) is not None,
    "money": lambda value: _is_number(value) and abs(value) <= MAX_AMOUNT,
    "count": lambda value: _is_number(value) and 0 <= value <= MAX_AMOUNT,
    "flag": lambda value: isinstance(value, bool),
    "time": _is_time,
    "names": lambda value: (
        isinstance(value, list) and len(value) <= _MOST_NAMES and all(map(_is_text, value))
    ),
}

_text, _code, _money, _time = Fact("text"), Fact("code"), Fact("money"), Fact("time")
_count, _flag = Fact("count"), Fact("flag")
_maybe_text, _maybe_money = Fact("text", optional=True), Fact("money", optional=True)
_maybe_time, _maybe_count = Fact("time", optional=True), Fact("count", optional=True)

_RESOURCE: Final = {
    "resource_id": _text,
    "product": _text,
    "name": _text,
    "ends_at": _maybe_time,
    "refunded": _money,
    "automatic": _flag,
}
_ENDING: Final = {
    "resource_id": _text,
    "product": _text,
    "name": _text,
    "state": _code,
    "ends_at": _time,
}
_INVOICE: Final = {
    "invoice_id": _text,
    "number": _text,
    "gross": _money,
    "paid": _money,
    "outstanding": _money,
}

NOTICES: Final[Mapping[str, Notice]] = {
    "account_switched": Notice("account", {"from": _code, "to": _code}, mandatory=True),
    "webhook_disabled": Notice(
        "account", {"address": _text, "reason": _code, "since": _time}, mandatory=True
    ),
    "recipient_confirmation": Notice(
        "account", {"url": Fact("link"), "valid_until": _time}, mandatory=True
    ),
    "resource_created": Notice("resources", _RESOURCE),
    "resource_resized": Notice("resources", _RESOURCE),
    "resource_renewed": Notice("resources", _RESOURCE),
    "resource_recovered": Notice("resources", _RESOURCE),
    "resource_deleted": Notice("resources", _RESOURCE),
    "provisioning_failed": Notice(
        "resources", {"resource_id": _text, "action": _code, "refunded": _money}, mandatory=True
    ),
    "resource_ends_soon": Notice(
        "renewals_and_bills", {**_ENDING, "days_left": _count, "auto_renew_months": _maybe_count}
    ),
    "resource_suspended": Notice("renewals_and_bills", _RESOURCE, mandatory=True),
    "resource_release_soon": Notice(
        "renewals_and_bills", {**_ENDING, "released_at": _time}, mandatory=True
    ),
    "resource_released": Notice("renewals_and_bills", _RESOURCE, mandatory=True),
    "auto_renew_failed": Notice(
        "renewals_and_bills", {"resource_id": _text, "ends_at": _time, "reason": _code}
    ),
    "auto_renew_refused": Notice(
        "renewals_and_bills", {"resource_id": _text, "reason": _code, "message": _maybe_text}
    ),
    "invoice_paid": Notice("renewals_and_bills", {**_INVOICE, "amount": _money}),
    "invoice_partially_paid": Notice("renewals_and_bills", {**_INVOICE, "amount": _money}),
    "invoice_payment_failed": Notice("renewals_and_bills", {**_INVOICE, "reason": _code}),
    "invoice_nothing_due": Notice("renewals_and_bills", _INVOICE),
    "invoice_credited": Notice(
        "renewals_and_bills", {**_INVOICE, "amount": _money, "credit_note": _text}
    ),
    "invoices_overdue": Notice(
        "renewals_and_bills",
        {"invoices": _count, "outstanding": _money, "due_since": _time, "numbers": Fact("names")},
        mandatory=True,
    ),
    "hold_short": Notice(
        "renewals_and_bills",
        {
            "missing": _money,
            "held": _maybe_money,
            "resource_id": _maybe_text,
            "name": _maybe_text,
            "suspended_at": _maybe_time,
        },
        mandatory=True,
    ),
    "poc_granted": Notice("account", {"amount": _money, "ends_at": _time}, mandatory=True),
    "poc_ends_soon": Notice(
        "renewals_and_bills",
        {"ends_at": _time, "balance": _maybe_money, "days_left": _maybe_count},
        mandatory=True,
    ),
    "poc_stopped": Notice(
        "renewals_and_bills",
        {"resource_id": _maybe_text, "name": _maybe_text, "refunded": _maybe_money},
        mandatory=True,
    ),
    "payment_confirmed": Notice("payments", {"payment_id": _text, "amount": _money}),
    "payment_failed": Notice("payments", {"payment_id": _text, "reason": _code}),
    "payment_became_credit": Notice("payments", {"payment_id": _text, "amount": _money}),
    "payment_link": Notice(
        "payments",
        {"payment_id": _text, "amount": _money, "url": Fact("link"), "pay_until": _time},
        mandatory=True,
    ),
}
"""By the name under which it is asked for: the template."""
