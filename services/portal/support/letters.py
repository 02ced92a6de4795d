"""Dead letters of all services: why each is one, what is in it, and replaying or discarding it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.domain.events import OF_NO_ACCOUNT
from services.portal.store import events, letters
from services.portal.support.desk import act, for_all_staff, why
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.paging import PAGE, paged, place_of
from services.portal.web.visits import Visit
from shared.messages.dead_letters import DeadLetterDiscardRequested, DeadLetterReplayRequested

_NUMBER_DIGITS: Final = 18
_DECISIONS: Final[
    Mapping[str, type[DeadLetterReplayRequested] | type[DeadLetterDiscardRequested]]
] = {"replay": DeadLetterReplayRequested, "discard": DeadLetterDiscardRequested}


async def waiting(visit: Visit) -> Response:
    """Those that wait, or all, newest first; several can be decided at once."""
    return await _list(visit, None)


async def _list(visit: Visit, wrong: str | None) -> Response:
    service, reason = (visit.asked(name)[:200] or None for name in ("service", "reason"))
    concluded = visit.asked("all") == "1"
    async with visit.reading() as db:
        after = await events.get_position(db, OF_NO_ACCOUNT)
        counts = await letters.count_letters(db)
        rows = await letters.find_letters(
            db,
            also_concluded=concluded,
            service=service,
            reason=reason,
            before=_place(visit),
            limit=PAGE + 1,
        )
    values = {
        "after": after,
        "counts": counts,
        "page": paged(visit, rows, "died_at", "name"),
        "service": service,
        "reason": reason,
        "concluded": concluded,
        "key": visit.text("key") or form_key(),
        "wrong": wrong,
    }
    return render(visit, "support/letters.html", values, status=422 if wrong else 200)


def _place(visit: Visit) -> tuple[datetime, str, int] | None:
    place = place_of(visit)
    if place is None:
        return None
    named = _named(place[1])
    return (place[0], *named) if named else None


async def one(visit: Visit) -> Response:
    """A dead letter: its reason, its body without personal data, and how it was concluded."""
    return await _one(visit, None)


async def _one(visit: Visit, wrong: str | None) -> Response:
    named = _named(visit.request.path_params["name"])
    async with visit.reading() as db:
        after = await events.get_position(db, OF_NO_ACCOUNT)
        found = await letters.find_letter(db, *named) if named else None
    if found is None:
        raise HTTPException(404)
    values = {
        "letter": found,
        "name": visit.request.path_params["name"],
        "after": after,
        "key": visit.text("key") or form_key(),
        "wrong": wrong,
    }
    return render(visit, "support/letter.html", values, status=422 if wrong else 200)


async def decide(visit: Visit) -> Response:
    """Have letters replayed or discarded: an act for each service whose letters they are."""
    decision = visit.text("decision")
    if decision not in _DECISIONS:
        raise HTTPException(422)
    by_service: defaultdict[str, list[int]] = defaultdict(list)
    for name in visit.texts("letter")[:PAGE]:
        if (named := _named(name)) is None:
            raise HTTPException(422)
        by_service[named[0]].append(named[1])
    wrong = "reason" if not why(visit) else "none_chosen" if not by_service else None
    if wrong:
        return await (
            _one(visit, wrong) if "name" in visit.request.path_params else _list(visit, wrong)
        )
    act_ids = [
        await act(
            visit,
            decision,
            _DECISIONS[decision](
                service=service,
                numbers=tuple(sorted(set(numbers))),
                requested_by=visit.login.subject,
                reason=why(visit),
            ),
            account_id=None,
            key=f" {service}",
        )
        for service, numbers in sorted(by_service.items())
    ]
    return RedirectResponse(
        f"/support/acts/{act_ids[0]}" if len(act_ids) == 1 else "/support/acts", 303
    )


def _named(name: str) -> tuple[str, int] | None:
    """A letter's service and number, from `billing:12`."""
    service, _, number = name.partition(":")
    if not service or not number.isdecimal() or len(number) > _NUMBER_DIGITS:
        return None
    return service, int(number)


ROUTES = [
    Route("/support/letters", for_all_staff(waiting), methods=["GET"]),
    Route("/support/letters", for_all_staff(decide), methods=["POST"]),
    Route("/support/letters/{name}", for_all_staff(one), methods=["GET"]),
    Route("/support/letters/{name}", for_all_staff(decide), methods=["POST"]),
]
