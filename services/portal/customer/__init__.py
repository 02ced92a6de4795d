"""The customer's pages."""

from starlette.routing import BaseRoute

from services.portal.customer import acts, opening, overview

ROUTES: list[BaseRoute] = [*opening.ROUTES, *overview.ROUTES, *acts.ROUTES]
