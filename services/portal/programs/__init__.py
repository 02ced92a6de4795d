"""The page where a customer lets programs in, and has their own systems told: keys and webhooks."""

from starlette.routing import BaseRoute

from services.portal.programs import keys, webhooks

ROUTES: list[BaseRoute] = [*keys.ROUTES, *webhooks.ROUTES]
"""The area's pages."""
