"""The customer's pages; a route with a name goes before one with an id in the same place."""

from starlette.routing import BaseRoute

from services.portal.customer import (
    acts,
    costs,
    details,
    invoices,
    notifications,
    opening,
    ordering,
    orders,
    overview,
    papers,
    payments,
    resources,
    usage,
    wallet,
)

ROUTES: list[BaseRoute] = [
    *opening.ROUTES,
    *overview.ROUTES,
    *acts.ROUTES,
    *ordering.ROUTES,
    *resources.ROUTES,
    *orders.ROUTES,
    *wallet.ROUTES,
    *payments.ROUTES,
    *papers.ROUTES,
    *invoices.ROUTES,
    *usage.ROUTES,
    *costs.ROUTES,
    *details.ROUTES,
    *notifications.ROUTES,
]
