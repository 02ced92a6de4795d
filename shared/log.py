"""Log lines: events with fields, for people on a terminal and as JSON everywhere else."""

import logging
import sys

import structlog

_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""Without the values of variables, which are customers' data."""


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
