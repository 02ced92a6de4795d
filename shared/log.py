"""Log lines: events with fields, for people on a terminal and as JSON everywhere else."""

import logging
import re
import sys
from typing import Final

import structlog

_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""Without the values of variables, which are customers' data."""


_MASK: Final = "***"
_PERSONAL: Final = frozenset({"email", "name", "customer_name", "payer_email", "recipient"})
"""Fields that hold customers' data, whatever their value looks like."""
_ADDRESS: Final = re.compile(r"[^\s@\"'<>(),;:=]+@[^\s@\"'<>(),;:=/]+\.[^\s@\"'<>(),;:=/]+")
_PASSWORD: Final = re.compile(r"(\w+://[^\s/@:]*):[^\s@]*@")


def configure(level: str, style: str) -> None:
    """Set up structlog for this process, on stderr.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        style: `json`, `console`, or `auto` for console on a terminal.
    """
    people = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tracebacks if not people else _keep,
            mask,
            renderer,
        ],
        cache_logger_on_first_use=True,
    )
    hush_libraries()


def hush_libraries() -> None:
    """What the clients of RabbitMQ log of themselves is told better by whoever uses them."""
    for noisy in ("aio_pika", "aiormq", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _keep(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event


def mask(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Leave out customers' data and passwords, also those in the text of an error.

    On a terminal tracebacks are printed as they are: those are a developer's.
    """
    return {
        key: _MASK if key in _PERSONAL and value is not None else _masked(value)
        for key, value in event.items()
    }


def _masked(value: object) -> object:
    match value:
        case str():
            return _ADDRESS.sub(_MASK, _PASSWORD.sub(rf"\1:{_MASK}@", value))
        case dict():
            return {key: _masked(one) for key, one in value.items()}
        case list():
            return [_masked(one) for one in value]
        case _:
            return value
