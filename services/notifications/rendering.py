"""What a notice says: subject, plain text and HTML, in one language. Pure.

Facts are only ever text: in HTML they are escaped, and none of them is a template.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from services.notifications.domain.notices import NOTICES, Kind, Language
from shared.money import currency as currency_named

LANGUAGES: Final[tuple[Language, ...]] = ("en", "vi")
_HERE: Final = Path(__file__).parent
_LONGEST_SUBJECT: Final = 150
_NAMES_AT_MOST: Final = 20
_PLAIN: Final = Environment(undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 - is no HTML
_HTML: Final = Environment(undefined=StrictUndefined, autoescape=True)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a notice, and how they are written to."""

    account_id: str
    owner: str
    """The account's name."""
    is_owner: bool
    """Whether it goes to the account itself, and not to somebody whom it named."""
    language: Language
    currency: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Text:
    """A notice as it is read."""

    subject: str
    plain: str
    html: str


@dataclass(frozen=True, slots=True)
class _Wording:
    subject: Template
    plain: tuple[Template, ...]
    html: tuple[Template, ...]


def render(
    template: str, facts: Mapping[str, Any], reader: Reader, sender: str, portal_url: str | None
) -> Text:
    """A notice in the words of its reader.

    Args:
        template: one of `NOTICES`.
        facts: without fault.
        reader: who reads it.
        sender: who writes, as people call them.
        portal_url: where mails link to, if anywhere.

    Raises:
        KeyError: if there is no such notice.
    """
    wording = _wording(template, reader.language)
    texts = _texts(reader.language)
    told = _told(template, facts, reader)
    subject = _one_line(wording.subject.render(told))[:_LONGEST_SUBJECT]
    frame = texts["frame"]
    around: dict[str, Any] = {
        "language": reader.language,
        "subject": subject,
        "sender": sender,
        "greeting": _phrase(frame["greeting"], told) if reader.is_owner else "",
        "closing": _phrase(frame["closing"], told),
        "portal": frame["portal"],
        "portal_url": portal_url,
        "url": told.get("url"),
        "button": texts["buttons"].get(template, ""),
    }
    plain = [_one_line(one.render(told)) for one in wording.plain]
    html = [Markup(_one_line(one.render(told))) for one in wording.html]  # noqa: S704 - escaped
    return Text(
        subject=subject,
        plain=_frame("txt").render(around, paragraphs=[one for one in plain if one]),
        html=_frame("html").render(around, paragraphs=[one for one in html if one]),
    )


def _phrase(text: str, told: Mapping[str, Any]) -> str:
    return _one_line(_PLAIN.from_string(text).render(told))


def _one_line(text: str) -> str:
    """Without what breaks a line, or a mail's head."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _told(template: str, facts: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The facts as they are written; `has_x` says whether an amount is above 0."""
    told: dict[str, Any] = {
        "account_id": reader.account_id,
        "owner": reader.owner,
        "who": reader.owner,
    }
    code = facts.get("currency") or reader.currency
    for name, fact in NOTICES[template].facts.items():
        value = facts.get(name)
        named = f"{name}_" if name == "from" else name  # `from` is a word of Python's
        told[named] = None if value is None else _written(fact.kind, value, reader, code)
        if fact.kind == "money":
            told[f"has_{name}"] = value is not None and value > 0
    return told


def _written(kind: Kind, value: Any, reader: Reader, code: str) -> Any:
    match kind:
        case "money":
            return _money(value, code, reader.language)
        case "time":
            return _time(datetime.fromisoformat(value), reader)
        case "count":
            return format_decimal(value, locale=reader.language)
        case "code":
            return _texts(reader.language)["words"].get(value, value.replace("_", " "))
        case "names":
            more = len(value) - _NAMES_AT_MOST
            return ", ".join(value[:_NAMES_AT_MOST]) + (f" (+{more})" if more > 0 else "")
        case "text" | "flag" | "link":
            return value


def _money(amount: int, code: str, language: Language) -> str:
    digits = currency_named(code).digits
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    units = Decimal(amount).scaleb(-digits)
    written = format_decimal(units, format=pattern, locale=language, decimal_quantization=False)
    return f"{written} {code}"


def _time(at: datetime, reader: Reader) -> str:
    local = at.astimezone(reader.zone)
    pattern = "d MMMM y" if reader.language == "en" else "dd/MM/y"
    return f"{format_date(local.date(), format=pattern, locale=reader.language)} {local:%H:%M}"


@cache
def _texts(language: Language) -> dict[str, Any]:
    return tomllib.loads((_HERE / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


@cache
def _wording(template: str, language: Language) -> _Wording:
    text = _texts(language)[template]
    paragraphs = [one for one in re.split(r"\n\s*\n", text["text"].strip()) if one]
    return _Wording(
        subject=_PLAIN.from_string(text["subject"]),
        plain=tuple(_PLAIN.from_string(one) for one in paragraphs),
        html=tuple(_HTML.from_string(one) for one in paragraphs),
    )


@cache
def _frame(kind: str) -> Template:
    environment = _HTML if kind == "html" else _PLAIN
    return environment.from_string((_HERE / f"frame.{kind}").read_text(encoding="utf-8"))
