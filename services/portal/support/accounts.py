"""Finding an account, and all that there is of it at a glance."""

from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.domain.events import OF_NO_ACCOUNT
from services.portal.store import accounts, events, finding, letters, resources, runs, wallets
from services.portal.support.desk import about_account, for_all_staff, is_support
from services.portal.web.following import followed
from services.portal.web.pages import render
from services.portal.web.visits import Visit

_AT_A_GLANCE: Final = 8
_TYPED_AT_MOST: Final = 254


async def find(visit: Visit) -> Response:
    """Where one begins: find an account by whatever one knows of it; and what waits."""
    typed = visit.asked("q")[:_TYPED_AT_MOST].replace("\x00", "")
    async with visit.reading() as db:
        found = await finding.find_by_words(db, typed) if typed else []
        values = {
            "after": await events.get_position(db, OF_NO_ACCOUNT),
            "waiting": await finding.look(db),
            "run": next(iter(await runs.find_runs(db)), None),
        }
    if len(found) == 1:
        return RedirectResponse(f"/support/accounts/{found[0]['account_id']}", 303)
    return render(visit, "support/find.html", values | {"typed": typed, "found": found})


async def show(visit: Visit) -> Response:
    """An account: its standing, money, resources, orders, invoices, payments, and what is stuck."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        values = {
            "after": await events.get_position(db, account_id),
            "wallets": await wallets.find_wallets(db, account_id),
            "details": await accounts.find_billing_details(db, account_id, visit.at),
            "pocs": await wallets.find_pocs(db, account_id),
            "resources": await resources.find_resources(
                db, account_id, with_deleted=True, limit=_AT_A_GLANCE
            ),
            "counts": await resources.count_states(db, account_id),
            "orders": await finding.find_latest_orders(db, account_id, _AT_A_GLANCE),
            "invoices": await finding.find_latest_invoices(db, account_id, _AT_A_GLANCE),
            "payments": await finding.find_latest_payments(db, account_id, _AT_A_GLANCE),
            "letters": await letters.find_letters_of_account(db, account_id),
        }
    return render(visit, "support/account.html", values | {"is_support": is_support(visit)})


async def follow(visit: Visit) -> Response:
    """Tell a page what happens to the account it is about."""
    return followed(visit, visit.mine.account_id, last_seen(visit))


async def follow_house(visit: Visit) -> Response:
    """Tell a page what happens to dead letters and runs."""
    return followed(visit, OF_NO_ACCOUNT, last_seen(visit))


def last_seen(visit: Visit) -> int:
    """The last position that a page, or its stream, has seen."""
    last = visit.request.headers.get("last-event-id") or visit.asked("after", "0")
    return int(last) if last.isdecimal() and len(last) < 19 else 0


ROUTES = [
    Route("/support", for_all_staff(find)),
    Route("/support/follow", for_all_staff(follow_house)),
    Route("/support/accounts/{account_id}", about_account(show)),
    Route("/support/accounts/{account_id}/follow", about_account(follow)),
]
