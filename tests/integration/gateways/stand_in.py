"""A stand-in for ZaloPay on this machine: it signs, checks and answers like the real one."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.http import serving
from tests.servers.server import free_port

APP_ID: Final = 4242
KEY1: Final = "a key for requests"
KEY2: Final = "a key for callbacks"


def mac(key: str, *signed: object) -> str:
    """A signature as ZaloPay's documents describe it."""
    text = "|".join(str(one) for one in signed)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Order:
    """An order as ZaloPay keeps it."""

    fields: dict[str, str]
    zp_trans_id: int
    amount: int
    state: str = "open"
    paid_at: datetime | None = None


@dataclass
class StandIn:
    """What a test sees and does of the stand-in.

    Attributes:
        orders: by `app_trans_id`, in the order in which they were created.
        asked: how often each was asked for, by what was asked and `app_trans_id`.
        broken: how many of the next requests are answered with an error of the server.
        forgetful: how many of the next creations are done, and answered with such an error.
        refused: the `sub_return_code` with which creations are refused, if they are.
        rejected: the same for queries.
    """

    url: str
    orders: dict[str, Order] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: int = 0
    forgetful: int = 0
    refused: int | None = None
    rejected: int | None = None
    _numbers: "count[int]" = field(default_factory=lambda: count(260_000_000_001))

    def environment(self) -> dict[str, str]:
        """Settings under which a worker takes the stand-in for ZaloPay, without `CLOUDTILL_`."""
        return {
            "gateway": "zalopay",
            "zalopay_app_id": str(APP_ID),
            "zalopay_key1": KEY1,
            "zalopay_key2": KEY2,
            "zalopay_endpoint": self.url,
        }

    def order_of(self, url: str) -> str:
        """Which order a page is of."""
        return url.rpartition("/")[2]

    def pay(self, order_id: str, at: datetime, amount: int | None = None) -> Order:
        """A user pays; nobody is told yet."""
        order = self.orders[order_id]
        order.state, order.paid_at = "paid", at
        order.amount = amount or order.amount
        return order

    def expire(self, order_id: str) -> None:
        """Nobody paid, and nobody can any more."""
        self.orders[order_id].state = "expired"

    def fail(self, order_id: str) -> None:
        """Somebody tried to pay and could not."""
        self.orders[order_id].state = "failed"

    def callback(self, order_id: str, *, key: str = KEY2, **changed: Any) -> bytes:
        """The callback of a paid order, signed."""
        order = self.orders[order_id]
        assert order.paid_at is not None
        content = {
            "app_id": APP_ID,
            "app_trans_id": order_id,
            "app_time": int(order.fields["app_time"]),
            "app_user": order.fields["app_user"],
            "amount": order.amount,
            "embed_data": order.fields["embed_data"],
            "item": order.fields["item"],
            "zp_trans_id": order.zp_trans_id,
            "server_time": int(order.paid_at.timestamp() * 1_000),
            "channel": 38,
            "merchant_user_id": "somebody",
            "user_fee_amount": 0,
            "discount_amount": 0,
        }
        data = json.dumps(content | changed)
        return json.dumps({"data": data, "mac": mac(key, data), "type": 1}).encode()

    async def call_back(self, webhook: str, order_id: str) -> int:
        """Tell of a paid order; returns the `return_code` of the answer."""
        async with httpx.AsyncClient() as http:
            answer = await http.post(webhook, content=self.callback(order_id))
        code: int = answer.json()["return_code"]
        return code

    def create(self, fields: dict[str, str]) -> dict[str, Any]:
        """`/v2/create`."""
        signed = (
            fields[name]
            for name in (
                "app_id",
                "app_trans_id",
                "app_user",
                "amount",
                "app_time",
                "embed_data",
                "item",
            )
        )
        order_id = fields["app_trans_id"]
        if fields["mac"] != mac(KEY1, *signed) or fields["app_id"] != str(APP_ID):
            return {"return_code": 2, "sub_return_code": -402}
        if len(order_id) > 40 or self.refused is not None:
            return {"return_code": 2, "sub_return_code": self.refused or -401}
        if order_id in self.orders:
            return {"return_code": 2, "sub_return_code": -68}
        self.orders[order_id] = Order(fields, next(self._numbers), int(fields["amount"]))
        return {"return_code": 1, "order_url": f"{self.url}/pay/{order_id}"}

    def query(self, fields: dict[str, str]) -> dict[str, Any]:
        """`/v2/query`."""
        if fields["mac"] != mac(KEY1, fields["app_id"], fields["app_trans_id"], KEY1):
            return {"return_code": 2, "sub_return_code": -402}
        if self.rejected is not None:
            return {"return_code": 2, "sub_return_code": self.rejected}
        order = self.orders.get(fields["app_trans_id"])
        if order is None:
            return {"return_code": 2, "sub_return_code": -101}
        if order.state == "expired":
            return {"return_code": 2, "sub_return_code": -54}
        if order.state == "failed":
            return {"return_code": 2, "sub_return_code": -63}
        if order.paid_at is None:
            return {"return_code": 3, "is_processing": False}
        return {
            "return_code": 1,
            "is_processing": False,
            "amount": order.amount,
            "zp_trans_id": order.zp_trans_id,
            "server_time": int(order.paid_at.timestamp() * 1_000),
        }

    async def answer(self, request: Request) -> Response:
        """An HTTP request, answered."""
        what = request.path_params["what"]
        body = (await request.body()).decode()
        fields = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        self.asked.append((what, fields["app_trans_id"]))
        if self.broken:
            self.broken -= 1
            return Response(status_code=500)
        content = self.create(fields) if what == "create" else self.query(fields)
        if self.forgetful and what == "create":
            self.forgetful -= 1
            return Response(status_code=502)
        return JSONResponse({"return_message": "", "sub_return_message": "", **content})


@asynccontextmanager
async def zalopay() -> AsyncIterator[StandIn]:
    """The stand-in, answering."""
    port = free_port()
    stand_in = StandIn(f"http://127.0.0.1:{port}")
    app = Starlette(routes=[Route("/v2/{what}", stand_in.answer, methods=["POST"])])
    async with serving(app, port):
        yield stand_in
