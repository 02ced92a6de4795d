"""The Support console: accounts and their timelines, what Sales and Support do for them, dead
letters of all services, the month's runs, and who did what.

Roles `support` and `operator` see all of it. What moves an account's money or user type is
Support's alone (domain 10); dead letters and runs are for both.
"""

from starlette.routing import BaseRoute

from services.portal.support import accounts, acting, acts, invoices, letters, runs, timeline

ROUTES: list[BaseRoute] = [
    *accounts.ROUTES,
    *timeline.ROUTES,
    *acting.ROUTES,
    *invoices.ROUTES,
    *acts.ROUTES,
    *letters.ROUTES,
    *runs.ROUTES,
]
