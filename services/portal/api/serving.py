"""Serving operations: keys, limits, bodies, and answering the same to the same."""

import asyncio
import re
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from services.portal import metrics
from services.portal.api.bodies import Body
from services.portal.api.calls import Call, Caller, Doing, Operation
from services.portal.api.keys import is_token
from services.portal.api.problems import Refusal, malformed, not_there
from services.portal.store import api_keys, sessions
from services.portal.store.api_keys import Answer
from services.portal.web.portal import Portal
from services.portal.web.provider import LoginRefused, ProviderAway
from services.portal.web.visits import hash_of
from shared.database import Connection, connection, transaction
from shared.messages.model import Id, Model

log = structlog.get_logger()

_BYTES: Final = 256 * 1024
_READ_S: Final = 10
_WAIT_AT_MOST_S: Final = 30
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,4000})", re.IGNORECASE)
_IDEMPOTENCY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*([0-9]{1,6})(?:$|[,;\s])")
_ID: Final[TypeAdapter[str]] = TypeAdapter(Id)
JSON: Final = "application/json"


def route_of(portal: Portal, operation: Operation) -> Route:
    """A line of the table as a route."""

    async def endpoint(request: Request) -> Response:
        at = portal.clock()
        caller, headers = await _let_in(portal, request, at)
        try:
            response = await _served(portal, operation, request, caller)
        except Refusal as refusal:
            response = refusal.response()
        metrics.CALLS.labels(operation.name, response.status_code).inc()
        response.headers.update(headers)
        return response

    return Route(operation.path, endpoint, methods=[operation.method], name=operation.name)


async def _let_in(portal: Portal, request: Request, at: datetime) -> tuple[Caller, dict[str, str]]:
    """Who makes a request, and what is left of their minute.

    Raises:
        Refusal: 401 without a good key or token, 429 once it is used too much.
    """
    found = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise _unknown_key()
    caller = None if is_token(found[1]) else await _with_token(portal, found[1])
    async with connection(portal.connections) as db:
        caller = caller or await _with_key(db, found[1], at)
        times = await sessions.count(db, f"api {caller.subject}", at)
    limit = portal.settings.api_requests_a_minute
    reset = str(60 - at.second)
    headers = {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(max(0, limit - times)),
        "RateLimit-Reset": reset,
    }
    if times > limit:
        detail = f"at most {limit} requests a minute"
        raise Refusal(429, "too_many_requests", detail, headers=headers | {"Retry-After": reset})
    return caller, headers


async def _with_key(db: Connection, token: str, at: datetime) -> Caller:
    """Whom an account let in by a key."""
    key = await api_keys.find_key(db, hash_of(token), at)
    if key is None:
        raise _unknown_key()
    return Caller(f"key:{key.key_id}", (key.account_id,), key.scopes)


async def _with_token(portal: Portal, token: str) -> Caller:
    """Whom the OpenID Connect provider vouches for, where it is asked at all."""
    if portal.settings.api_audience is None:
        raise _unknown_key()
    try:
        access = await portal.provider.access(token)
    except ProviderAway as away:
        log.warning("provider away", error=str(away))
        raise Refusal(503, "unavailable", str(away), headers={"Retry-After": "5"}) from None
    except LoginRefused as refused:
        log.info("access token refused", error=str(refused))
        raise _unknown_key() from None
    return Caller(access.subject, access.account_ids, access.scopes)


def _unknown_key() -> Refusal:
    headers = {"WWW-Authenticate": 'Bearer realm="cloudtill"'}
    detail = "a key of the account, or an access token, is needed: Authorization: Bearer ..."
    return Refusal(401, "unknown_key", detail, headers=headers)


async def _served(
    portal: Portal, operation: Operation, request: Request, caller: Caller
) -> Response:
    if request.path_params.get("account_id") not in caller.account_ids:
        raise not_there("account")
    if operation.scope not in caller.scopes:
        raise Refusal(403, "scope_missing", f"this is not good for `{operation.scope}`")
    for name, value in request.path_params.items():
        try:
            _ID.validate_python(value)
        except ValidationError:
            raise not_there(name.removesuffix("_id")) from None
    call = Call(request, portal, caller, portal.clock())
    if operation.query is not None:
        try:
            call.query = operation.query.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise malformed(error, in_address=True) from None
    if operation.body is not None:
        call.body = await _body(operation, request)
    if operation.does is not None:
        return await _done(call, operation, operation.does)
    assert operation.reads is not None
    answer = await operation.reads(call)
    return answer if isinstance(answer, Response) else _json(answer, operation.status)


async def _body(operation: Operation, request: Request) -> Body:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refusal(415, "not_json", f"the body is to be {JSON}")
    content = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            async for chunk in request.stream():
                content += chunk
                if len(content) > _BYTES:
                    raise Refusal(413, "too_large", f"at most {_BYTES} bytes")
    except TimeoutError:
        raise Refusal(408, "too_slow") from None
    except ClientDisconnect:
        raise Refusal(400, "interrupted") from None
    assert operation.body is not None
    try:
        return operation.body.model_validate_json(bytes(content))
    except ValidationError as error:
        raise malformed(error) from None


async def _done(call: Call, operation: Operation, does: Doing) -> Response:
    """Do something once for each key, and wait for what becomes of it where that is preferred."""
    call.idempotency = _idempotency(call.request)
    fingerprint = _fingerprint(call)
    async with transaction(call.portal.connections) as db:
        answer = await api_keys.lock_answer(db, call.account_id, call.idempotency)
        rows = None
        if answer is None:
            outcome = await does(call, db)
            rows = outcome.rows
            body = outcome.answer.model_dump_json(by_alias=True)
            answer = Answer(fingerprint, operation.status, body, outcome.location)
            await api_keys.append_answer(db, call.account_id, call.idempotency, answer, call.at)
    if answer.fingerprint != fingerprint:
        detail = "this Idempotency-Key came with something else before"
        raise Refusal(422, "idempotency_key_reused", detail)
    if rows:
        await call.portal.publish(rows)
    waited = await _waited(call, operation)
    if waited is not None:
        return waited
    headers = {"Idempotent-Replayed": "true"} if rows is None else {}
    if answer.location:
        headers["Location"] = answer.location
    return Response(answer.body, answer.status, _headers() | headers, JSON)


def _idempotency(request: Request) -> str:
    given = request.headers.get("idempotency-key")
    if given is None:
        detail = "an Idempotency-Key says that the same again is the same"
        raise Refusal(400, "idempotency_key_missing", detail)
    if not _IDEMPOTENCY.fullmatch(given):
        detail = "an Idempotency-Key is 1 to 200 printable ASCII characters without blanks"
        raise Refusal(400, "idempotency_key_malformed", detail)
    return given


def _fingerprint(call: Call) -> str:
    body = call.body.model_dump_json(by_alias=True) if call.body is not None else ""
    asked = f"{call.request.method} {call.request.url.path}\n{body}"
    return sha256(asked.encode()).hexdigest()


async def _waited(call: Call, operation: Operation) -> Response | None:
    """The conclusion, where it comes in the time that a program wants to wait."""
    wanted = _WAIT.search(call.request.headers.get("prefer", ""))
    if wanted is None or operation.follow is None:
        return None
    wait_s = min(int(wanted[1]), _WAIT_AT_MOST_S)
    concluded = await call.portal.until(partial(operation.follow, call), wait_s)
    if concluded is None:
        return None
    response = _json(concluded, 200)
    response.headers["Preference-Applied"] = f"wait={wait_s}"
    return response


def _json(answer: Model, status: int) -> Response:
    return Response(answer.model_dump_json(by_alias=True), status, _headers(), JSON)


def _headers() -> dict[str, str]:
    return {"Cache-Control": "no-store"}


async def refused(_request: Request, error: Exception) -> Response:
    """What is not served at all."""
    if isinstance(error, Refusal):
        return error.response()
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    return Refusal(error.status_code, code, headers=error.headers).response()


async def unavailable(request: Request, error: Exception) -> Response:
    """Postgres does not answer just now."""
    log.warning("call without database", path=request.url.path, error=str(error))
    detail = "please try again, with the same Idempotency-Key where there is one"
    return Refusal(503, "unavailable", detail, headers={"Retry-After": "5"}).response()


async def broken(request: Request, error: Exception) -> Response:
    """A bug: said without its inside."""
    log.error("call failed", path=request.url.path, exc_info=error)
    return Refusal(500, "broken", "something went wrong; it was noted").response()
