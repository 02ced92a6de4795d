"""ZaloPay, by its published API v2 (docs.zalopay.vn: order-create, order-query, callback-api).

Requests are signed with `key1`, callbacks with `key2`. Amounts are in whole VND.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import SettingsConfigDict

from services.gateways.adapters.gateway import (
    CallbackVerdict,
    Created,
    Declined,
    Duplicate,
    ForgedCallback,
    GatewayUnavailable,
    MalformedCallback,
    Page,
    Reply,
)
from services.gateways.adapters.signing import Key, is_signed, signature
from services.gateways.domain import Answer, Failed, GatewayOrder, Succeeded
from shared.environment import EnvironmentSettings
from shared.money import MAX_AMOUNT

_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
"""An order's id begins with its date in Vietnam, by which ZaloPay reconciles."""
_CURRENCY: Final = "VND"
_SHORTEST_S: Final = 300
_LONGEST_S: Final = 2_592_000
"""Between these an order may expire, in seconds."""
_NO_ITEMS: Final = "[]"
_ORDER_CALLBACK: Final = 1

_SUCCESS: Final = 1
_FAIL: Final = 2
_PROCESSING: Final = 3
_DUPLICATE: Final = -68
_ILLEGAL_DATA: Final = -401
_NO_ANSWERS: Final = frozenset({-401, -402, -429, -500, -999})
"""Why a query failed itself: wrong data or signature, too many requests, broken, maintained. They
say nothing of the order."""
_UNDECIDED: Final = frozenset({-54, -101})
"""Too old to be asked for, which it may be before its end, and not found: our own end decides."""

_INCONCLUSIVE: Final = _NO_ANSWERS | _UNDECIDED

_REPLIES: Final[dict[CallbackVerdict, tuple[int, str]]] = {
    "taken": (1, "success"),
    "known": (2, "known already"),
    "try_again": (0, "try again"),
    "forged": (-1, "mac not equal"),
    "unknown_order": (-1, "unknown order"),
    "contradiction": (-1, "another content came before"),
}
"""ZaloPay calls again after 0, and after nothing else."""


Milliseconds = Annotated[int, Field(ge=946_684_800_000, lt=4_102_444_800_000)]
"""Since 1970, between the years 2000 and 2100."""


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


R = TypeVar("R", bound=_Loose)


class _CreateResponse(_Loose):
    return_code: int
    sub_return_code: int = 0
    order_url: Annotated[str, Field(max_length=2_000)] = ""


class _QueryResponse(_Loose):
    return_code: int
    sub_return_code: int = 0
    zp_trans_id: int = 0
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] = 0
    server_time: Milliseconds | None = None


class _Callback(_Loose):
    data: str
    mac: str
    type: int


class _CallbackData(_Loose):
    app_id: int
    app_trans_id: Annotated[str, Field(min_length=1, max_length=40)]
    zp_trans_id: Annotated[int, Field(gt=0)]
    amount: Annotated[int, Field(gt=0, le=MAX_AMOUNT)]
    server_time: Milliseconds


class ZaloPay(EnvironmentSettings):
    """ZaloPay with a merchant's keys, from `CLOUDTILL_ZALOPAY_*`."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_ZALOPAY_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    app_id: int
    key1: Key
    key2: Key
    endpoint: str = "https://openapi.zalopay.vn"

    def order_id(self, payment_id: str, attempt: int, at: datetime) -> str:
        """An `app_trans_id`: the date, then a hash that fits into its 40 characters."""
        named = blake2b(f"{payment_id}\n{attempt}".encode(), digest_size=16).hexdigest()
        return f"{at.astimezone(_ZONE):%y%m%d}_{named}"

    async def create(
        self, order: GatewayOrder, callback_url: str | None, http: httpx.AsyncClient
    ) -> Created:
        """`/v2/create`. The user is a hash of the account: ZaloPay need not know more."""
        payment = order.payment
        if payment.currency != _CURRENCY:
            return Declined("currency_not_supported", payment.requested_at)
        user = blake2b(payment.account_id.encode(), digest_size=16).hexdigest()
        # ZaloPay refuses an order whose time is not now.
        app_time = int(datetime.now(UTC).timestamp() * 1_000)
        valid_s = int((payment.pay_until - payment.requested_at).total_seconds())
        signed = (self.app_id, order.order_id, user, payment.amount, app_time, "{}", _NO_ITEMS)
        fields: dict[str, str | int] = {
            "app_id": self.app_id,
            "app_trans_id": order.order_id,
            "app_user": user,
            "amount": payment.amount,
            "app_time": app_time,
            "embed_data": "{}",
            "item": _NO_ITEMS,
            "expire_duration_seconds": min(max(valid_s, _SHORTEST_S), _LONGEST_S),
            "description": f"Cloud payment {payment.payment_id}",
            "bank_code": "",
            "mac": signature(self.key1, "|".join(map(str, signed))),
        }
        if callback_url is not None:
            fields["callback_url"] = callback_url
        response = await self._post("create", fields, _CreateResponse, http)
        if response.return_code == _SUCCESS and response.order_url:
            return Page(response.order_url)
        if response.sub_return_code == _DUPLICATE:
            return Duplicate()
        if response.sub_return_code == _ILLEGAL_DATA:
            return Declined("refused_by_gateway", datetime.now(UTC))
        raise GatewayUnavailable(_codes(response))

    async def query(self, order: GatewayOrder, http: httpx.AsyncClient) -> Answer | None:
        """`/v2/query`."""
        signed = f"{self.app_id}|{order.order_id}|{self.key1.get_secret_value()}"
        fields: dict[str, str | int] = {
            "app_id": self.app_id,
            "app_trans_id": order.order_id,
            "mac": signature(self.key1, signed),
        }
        response = await self._post("query", fields, _QueryResponse, http)
        at = _time(response.server_time) if response.server_time else datetime.now(UTC)
        match response.return_code:
            case code if code == _SUCCESS and response.zp_trans_id and response.amount:
                return Succeeded(order.order_id, str(response.zp_trans_id), response.amount, at)
            case code if code == _FAIL and response.sub_return_code not in _INCONCLUSIVE:
                reason = f"zalopay_{abs(response.sub_return_code)}"
                return Failed(order.order_id, order.order_id, reason, at)
            case code if code == _PROCESSING or response.sub_return_code in _UNDECIDED:
                return None
        raise GatewayUnavailable(_codes(response))

    async def _post(
        self,
        what: str,
        fields: dict[str, str | int],
        expected: type[R],
        http: httpx.AsyncClient,
    ) -> R:
        response = await http.post(f"{self.endpoint.rstrip('/')}/v2/{what}", data=fields)
        response.raise_for_status()
        try:
            return expected.model_validate_json(response.content)
        except ValidationError as error:
            raise GatewayUnavailable(f"{what}: {error}") from error

    def parse_callback(self, body: bytes) -> Answer:
        """ZaloPay tells only of money that it has taken."""
        try:
            callback = _Callback.model_validate_json(body)
        except ValidationError as error:
            raise MalformedCallback(str(error)) from error
        if not is_signed(self.key2, callback.data, callback.mac):
            raise ForgedCallback
        try:
            data = _CallbackData.model_validate_json(callback.data)
            at = _time(data.server_time)
        except ValueError as error:
            raise MalformedCallback(str(error)) from error
        if callback.type != _ORDER_CALLBACK or data.app_id != self.app_id:
            raise MalformedCallback("not about an order of this app")
        return Succeeded(data.app_trans_id, str(data.zp_trans_id), data.amount, at)

    def answer(self, verdict: CallbackVerdict) -> Reply:
        """ZaloPay reads a code out of the body, whatever the status."""
        code, message = _REPLIES[verdict]
        return Reply(200, {"return_code": code, "return_message": message})


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


def _codes(response: _CreateResponse | _QueryResponse) -> str:
    return f"return_code {response.return_code}, sub_return_code {response.sub_return_code}"
