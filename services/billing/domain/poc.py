"""What a POC wallet pays for, and what may be done to a proof of concept (domain 9)."""

from collections.abc import Mapping
from typing import Final

from services.billing.domain.catalogue import ProductVersion
from services.billing.domain.purchases import Account
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource
from shared.messages.model import Action
from shared.messages.upstream import OrderItem, OrderPlaced

_PAID_ACTIONS: Final[frozenset[Action]] = frozenset({"create", "resize", "renew"})
"""What the POC wallet pays for; to recover is to go on by other means."""
_FREE_ACTIONS: Final[frozenset[Action]] = frozenset(
    {"delete", "stop", "start", "reboot", "stop_poc"}
)
NO_AUTO_RENEW: Final = Rejection(
    "no_auto_renew_for_poc", "a proof of concept is not renewed automatically"
)


def pays(order: OrderPlaced, resources: Mapping[str, Resource]) -> bool:
    """Whether an order is to be paid from the POC wallet.

    It is where it says so, and where it says nothing and is about proofs of concept only.
    """
    if order.action in _FREE_ACTIONS:
        return False
    if order.payment_method is not None:
        return order.payment_method == "poc"
    named = [resources.get(item.resource_id or "") for item in order.items]
    return order.action in _PAID_ACTIONS and all(one and one.poc == "running" for one in named)


def refused(order: OrderPlaced, account: Account) -> Rejection | None:
    """Why an account can't pay an order from its POC wallet, whatever it is about; None: it can."""
    if order.action not in _PAID_ACTIONS:
        return Rejection("action_not_for_poc", f"a POC wallet does not pay to {order.action}")
    if account.poc_ends_at is None:
        return Rejection("no_poc_wallet", "the account has no POC wallet", may_come=True)
    if order.time >= account.poc_ends_at:
        return Rejection("poc_wallet_ended", f"it ended at {account.poc_ends_at.isoformat()}")
    if order.action == "create" and account.user_type == "postpaid":
        return Rejection("not_for_postpaid", "a proof of concept is prepaid")
    if order.coupon is not None:
        return Rejection("coupon_not_for_poc", "what is granted is not sold at a discount")
    return None


def item_refused(
    item: OrderItem,
    action: Action,
    resource: Resource | None,
    product: ProductVersion,
    *,
    from_poc: bool,
) -> Rejection | None:
    """Why an item does not fit how its order is paid: proofs of concept are paid from the POC
    wallet only, and it pays for nothing else."""
    is_poc = resource is not None and resource.poc == "running"
    if action == "stop_poc":
        return None if is_poc else _not_a_poc(resource)
    if not from_poc:
        if is_poc and action in _PAID_ACTIONS:
            return Rejection("poc_wallet_only", "a proof of concept is paid from the POC wallet")
        return None
    if action != "create":
        return None if is_poc else _not_a_poc(resource)
    if item.auto_renew_months is not None:
        return NO_AUTO_RENEW
    if product.use_priced:
        return Rejection("poc_not_for_use_priced", f"{product.product} is paid by its use")
    return None


def _not_a_poc(resource: Resource | None) -> Rejection:
    name = resource.resource_id if resource else "it"
    return Rejection("not_a_poc_resource", f"{name} is no proof of concept")
