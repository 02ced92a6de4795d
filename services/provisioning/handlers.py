"""The provisioning service's handlers: load, decide, save, return what to say."""

from shared.service import Handlers

HANDLERS: Handlers = {}
