"""What a page offers for a resource. Billing decides; this only leaves out what it would reject."""

from collections.abc import Collection, Mapping
from typing import Final

_FROM: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("stopped",),
    "stop": ("active",),
    "reboot": ("active",),
    "resize": ("active", "stopped"),
    "renew": ("active", "stopped", "suspended"),
    "recover": ("suspended",),
    "delete": ("active", "stopped"),
    "stop_poc": ("active", "stopped"),
}
"""States from which an action can begin, by action, in the order of the buttons (domain 5)."""
_PREPAID_ONLY: Final = ("renew", "recover")


def offered(
    *,
    state: str,
    user_type: str,
    account_type: str,
    allowed: Collection[str],
    on_trial: bool = False,
) -> list[str]:
    """The actions for a resource.

    Args:
        state: of the resource.
        user_type: its billing type.
        account_type: the account's user type.
        allowed: what its product allows.
        on_trial: whether it is a proof of concept, which can be stopped (domain 9).
    """
    prepaid = user_type == account_type == "prepaid"
    return [
        action
        for action, states in _FROM.items()
        if state in states
        and (action in allowed if action != "stop_poc" else on_trial)
        and (prepaid or action not in _PREPAID_ONLY)
    ]
