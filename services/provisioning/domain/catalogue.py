"""What provisioning knows of products and accounts, and what of it is in force when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from shared.messages.model import UserType

ExpiryPolicy = Literal["trash", "grace"]


@dataclass(frozen=True, slots=True)
class ProductVersion:
    """A product as published, effective from an instant on; `driver_options` as JSON."""

    product: str
    effective_from: datetime
    published_at: datetime
    message_id: str
    driver: str
    driver_options: str
    expiry_policy: ExpiryPolicy
    trash_days: int
    metered: bool


class Catalogue:
    """The versions of products."""

    def __init__(self, versions: Iterable[ProductVersion]) -> None:
        self._versions: dict[str, list[ProductVersion]] = {}
        for version in sorted(
            versions, key=lambda one: (one.effective_from, one.published_at, one.message_id)
        ):
            self._versions.setdefault(version.product, []).append(version)

    def find(self, product: str, at: datetime) -> ProductVersion | None:
        """The version in force at an instant: the latest to take effect, and of those the latest
        published."""
        in_force = [
            version for version in self._versions.get(product, ()) if version.effective_from <= at
        ]
        return in_force[-1] if in_force else None


class Switch(NamedTuple):
    """An account's user type, from an instant on (domain 10)."""

    at: datetime
    message_id: str
    user_type: UserType


class UserTypes:
    """Which user type accounts have when. An account that was never switched is prepaid."""

    def __init__(self, switches: Iterable[tuple[str, Switch]]) -> None:
        self._switches: dict[str, list[Switch]] = {}
        for account_id, switch in sorted(switches):
            self._switches.setdefault(account_id, []).append(switch)

    def at(self, account_id: str, instant: datetime) -> UserType:
        """The user type at an instant; a switch counts from its own instant on."""
        before = [one for one in self._switches.get(account_id, ()) if one.at <= instant]
        return before[-1].user_type if before else "prepaid"

    def find_last(self, account_id: str) -> Switch | None:
        """The last switch of an account."""
        switches = self._switches.get(account_id)
        return switches[-1] if switches else None
