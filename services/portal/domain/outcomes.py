"""What became of a person's act, by the types of the events that belong to it."""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from services.portal.domain.conclusions import GOOD, ORDERED

Outcome = Literal["open", "done", "refused", "dead"]

_DONE: Final[Mapping[str, frozenset[str]]] = {
    "switch": frozenset({"account.switched"}),
    "transfer": frozenset({"wallet.credited"}),
    "grant_poc": frozenset({"wallet.credited"}),
    "record_payment": frozenset({"invoice.paid", "invoice.partially_paid", "refund.to_credit"}),
    "credit_note": frozenset({"invoice.credited"}),
    "run_again": frozenset({"invoice_run.progressed"}),
    "replay": frozenset({"dead_letter.concluded"}),
    "discard": frozenset({"dead_letter.concluded"}),
}
"""What concludes an act of Support's, by its kind. A payment that an invoice no longer needed goes
back as credit."""
_REFUSED: Final = frozenset(
    {
        "account.switch_refused",
        "dead_letter.not_waiting",
        "invoice_run.account_quarantined",
        "order.rejected",
        "payment.failed",
        "provisioning.failed",
        "top_up.failed",
    }
)


NOTED: Final = (
    "key_make",
    "key_revoke",
    "webhook_add",
    "webhook_again",
    "webhook_change",
    "webhook_disable",
    "webhook_enable",
    "webhook_remove",
    "webhook_secret",
)
"""Acts that are done once they are kept: nobody but the portal need know of them."""


def outcome_of(
    kind: str, heard: Collection[str], *, is_dead: bool, is_stuck: bool = False
) -> Outcome:
    """What became of an act, as those see it who did not do it.

    Args:
        kind: of the act.
        heard: types of the events that belong to it.
        is_dead: whether its message waits as a dead letter.
        is_stuck: whether something that it led to does, which matters until it is done.
    """
    if kind in NOTED:
        return "done"
    if is_dead:
        return "dead"
    if not _REFUSED.isdisjoint(heard):
        return "refused"
    done = _DONE.get(kind) or GOOD.get(kind, ORDERED)
    if not done.isdisjoint(heard):
        return "done"
    return "dead" if is_stuck else "open"
