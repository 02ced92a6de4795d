"""A visit: one request of somebody, and the guards that stand before every page.

A page is a coroutine that takes a `Visit` and answers with a response. Its guard says who may see
it: `for_everybody`, `for_customers` (with `{account_id}` in its path: whose login does not have the
account, gets 404), or `for_staff` of some roles. Guards also read and check forms, so that no page
can forget to: a form without its login's token is refused.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.portal import acts
from services.portal.acts import Act, Actor, Done, Role
from services.portal.store import accounts, sessions
from services.portal.store.accounts import Account
from services.portal.store.sessions import NewSession, Session
from services.portal.web.languages import Language, language_of
from services.portal.web.portal import Portal
from shared.database import Connection, connection, transaction
from shared.outbox import OutboxRow
from shared.settings import settings

_FORM_BYTES: Final = 256 * 1024
LANGUAGE: Final = "language"
THEME: Final = "theme"
THEMES: Final = ("light", "dark")


@dataclass(slots=True)
class Visit:
    """A request, who makes it, and how things are said to them."""

    request: Request
    portal: Portal
    session: Session | None
    account: Account | None
    language: Language
    at: datetime
    form: FormData = field(default_factory=FormData)

    @property
    def theme(self) -> str:
        """`light`, `dark`, or as the system has it."""
        chosen = self.request.cookies.get(THEME, "")
        return chosen if chosen in THEMES else "auto"

    @property
    def login(self) -> Session:
        """Who it is, on a page that only those see who have logged in."""
        assert self.session is not None
        return self.session

    @property
    def mine(self) -> Account:
        """The account that a customer's page is about."""
        assert self.account is not None
        return self.account

    @property
    def billing_zone(self) -> ZoneInfo:
        """The time zone of billing months."""
        return ZoneInfo(settings().billing_time_zone)

    @property
    def is_fragment(self) -> bool:
        """Whether HTMX asks, for a part of a page."""
        return "hx-request" in self.request.headers

    def text(self, name: str, default: str = "") -> str:
        """A field of the form, without blanks around it."""
        value = self.form.get(name, default)
        return value.strip() if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        """All fields of the form with this name."""
        return [one.strip() for one in self.form.getlist(name) if isinstance(one, str)]

    def asked(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, default).strip()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection to read from."""
        async with connection(self.portal.connections) as db:
            yield db

    def actor(self, role: Role = "customer") -> Actor:
        """Who it is that acts."""
        return Actor(
            subject=self.login.subject,
            role=role,
            address=address_of(self.request),
            session=self.login.session_hash[:16],
        )

    async def act(
        self,
        act: Act,
        role: Role = "customer",
        *,
        keep: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> Done:
        """Do something: kept and said in one transaction, and published at once.

        Args:
            act: what is done.
            role: in which it is.
            keep: writes what else is to be kept of it, in the same transaction.

        Raises:
            HTTPException: 429 where somebody does too much.
        """
        actor = self.actor(role)
        async with transaction(self.portal.connections) as db:
            await self.limit(db, f"act {actor.subject}", self.portal.settings.acts_a_minute)
            done = await acts.do(db, actor, act, self.at)
            if keep is not None:
                await keep(db)
        await self.portal.publish(done.rows)
        return done

    async def ask(
        self,
        say: Callable[[Connection], Awaitable[list[OutboxRow]]],
        *,
        limit: tuple[str, int],
    ) -> None:
        """Say something that is nobody's act, such as a question for a price.

        Args:
            say: says it, in a transaction.
            limit: as what it counts, and how often that may be in a minute.
        """
        async with transaction(self.portal.connections) as db:
            await self.limit(db, *limit)
            rows = await say(db)
        await self.portal.publish(rows)

    async def limit(self, db: Connection, what: str, a_minute: int) -> None:
        """Count something against its limit.

        Raises:
            HTTPException: 429 once it is passed.
        """
        if await sessions.count(db, what, self.at) > a_minute:
            raise HTTPException(429, headers={"Retry-After": str(60 - self.at.second)})


Page: TypeAlias = Callable[[Visit], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def for_everybody(page: Page) -> Endpoint:
    """A page that needs no login. Its forms carry a token of the browser's own cookie."""

    async def endpoint(request: Request) -> Response:
        return await page(await _visit(request))

    return endpoint


def for_customers(page: Page) -> Endpoint:
    """A page about an account, for those who have it."""

    async def endpoint(request: Request) -> Response:
        visit = await _visit(request)
        if visit.session is None:
            return _to_login(request)
        account_id = request.path_params["account_id"]
        if account_id not in visit.session.account_ids:
            raise HTTPException(404)
        async with visit.reading() as db:
            visit.account = await accounts.get_account(db, account_id)
        visit.language = language_for(request, visit.session, visit.account)
        return await page(visit)

    return endpoint


def for_staff(*roles: str) -> Callable[[Page], Endpoint]:
    """A page for people with one of these roles: `support`, `operator`. Others get 404."""

    def guard(page: Page) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            visit = await _visit(request)
            if visit.session is None:
                return _to_login(request)
            if not set(roles) & set(visit.session.roles):
                raise HTTPException(404)
            return await page(visit)

        return endpoint

    return guard


def _to_login(request: Request) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": "/login"})
    return RedirectResponse("/login", 303)


async def _visit(request: Request) -> Visit:
    portal: Portal = request.app.state.portal
    at = portal.clock()
    session = await find_session(request, portal, at)
    visit = Visit(
        request=request,
        portal=portal,
        session=session,
        account=None,
        language=language_for(request, session, None),
        at=at,
    )
    if request.method == "POST":
        await _read_form(visit)
    return visit


def language_for(request: Request, session: Session | None, account: Account | None) -> Language:
    """How things are said to whoever makes a request."""
    wanted = request.cookies.get(LANGUAGE) or (session.language if session else None)
    accepted = request.headers.get("accept-language", "")
    return language_of(wanted, accepted, account.time_zone if account else None)


async def _read_form(visit: Visit) -> None:
    """Read a form and check its token."""
    length = visit.request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _FORM_BYTES:
        raise HTTPException(413)
    async with visit.request.form(max_files=0, max_fields=1_000) as form:
        visit.form = form
    expected = visit.session.csrf if visit.session else visit.request.cookies.get(ANONYMOUS, "")
    given = visit.text("csrf") or visit.request.headers.get("x-csrf", "")
    if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403)


ANONYMOUS: Final = "form"
"""The cookie whose value forms carry before a login: another site can neither read nor set it."""


def cookie_name(portal: Portal) -> str:
    """The login's cookie; behind https a browser takes it from this very host only."""
    return "__Host-login" if portal.settings.secure else "login"


async def find_session(request: Request, portal: Portal, at: datetime) -> Session | None:
    """The login of a request, if it has one that is not over."""
    secret = request.cookies.get(cookie_name(portal))
    if not secret:
        return None
    async with connection(portal.connections) as db:
        return await sessions.find_session(
            db, hash_of(secret), at, timedelta(seconds=portal.settings.session_idle_s)
        )


def hash_of(secret: str) -> str:
    """What is kept of a secret that a browser has."""
    return sha256(secret.encode()).hexdigest()


async def log_in(
    visit: Visit,
    response: Response,
    *,
    subject: str,
    name: str,
    roles: Sequence[str],
    account_ids: Sequence[str],
    email: str | None = None,
) -> None:
    """Begin a login, under a secret that nobody had before it."""
    secret = secrets.token_urlsafe(32)
    own = visit.portal.settings
    new = NewSession(
        session=Session(
            session_hash=hash_of(secret),
            subject=subject,
            name=name,
            roles=tuple(roles),
            account_ids=tuple(account_ids),
            csrf=secrets.token_urlsafe(32),
            language=visit.language.code,
        ),
        email=email,
        at=visit.at,
        idle=timedelta(seconds=own.session_idle_s),
        at_most=timedelta(seconds=own.session_at_most_s),
    )
    async with transaction(visit.portal.connections) as db:
        await sessions.append_session(db, new)
    keep(visit.portal, response, cookie_name(visit.portal), secret, own.session_at_most_s)


def keep(portal: Portal, response: Response, name: str, value: str, seconds: int) -> None:
    """Have a browser keep something that no script and no other site can read."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=portal.settings.secure,
        httponly=True,
        samesite="lax",
    )


def address_of(request: Request) -> str | None:
    """Where a request comes from."""
    return request.client.host if request.client else None


def path_of(visit: Visit, path: str = "", **more: Any) -> str:
    """An address among the account's own pages."""
    return f"/accounts/{visit.mine.account_id}{path}".format(**more)
