"""Every word that a page says is there, in every language, and none is left over."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from services.billing.domain.refunds import RefundReason
from services.portal.customer.wishes import ACTIONS
from services.portal.domain.outcomes import NOTED
from services.portal.handlers import HEARD
from services.portal.web.languages import LANGUAGES, Language, language_of, words
from shared.messages.billing import QuoteGiven
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.invoicing import InvoicesIssued, UsageReportGiven

_PORTAL = Path(__file__).parents[3] / "services" / "portal"
_SAID = re.compile(r"""\bt\(\s*"([a-z_.0-9]+)"\s*[,)]""")
_BUILT = re.compile(r"""\bt\(\s*"([a-z_.0-9]+)"\s*~""")
_CODES = re.compile(r"""(?:words_for|code_words)\(\s*"([a-z_.]+)\"""")
_PREFIXES = ("state",)
"""Prefixes of words for codes that templates name by a default."""


def sources() -> str:
    """All templates, and all modules that say something."""
    files = [*_PORTAL.glob("templates/**/*.html"), *_PORTAL.rglob("*.py")]
    return "\n".join(file.read_text() for file in files)


def test_each_word_that_is_said_is_there() -> None:
    missing = {key for key in _SAID.findall(sources()) if key not in words()}
    assert missing == set()


def test_no_word_is_left_over() -> None:
    text = sources()
    said = set(_SAID.findall(text))
    prefixes = {*_PREFIXES, *_CODES.findall(text)} | set(_BUILT.findall(text))
    left = {
        key
        for key in words()
        if key not in said
        and key.rpartition(".")[0] not in prefixes
        and not any(key.startswith(prefix) for prefix in _BUILT.findall(text))
    }
    assert left == set()


@pytest.mark.parametrize("of", ["message", "event"])
def test_each_event_that_is_heard_of_an_account_has_words(of: str) -> None:
    silent = {QuoteGiven, UsageReportGiven, InvoicesIssued, PricePublished, ProductPublished}
    heard = {kind.type for kind in HEARD if kind not in silent}
    if of == "event":
        heard = {kind for kind in heard if not kind.startswith(("dead_letter", "invoice_run"))}
    assert {kind for kind in heard if f"{of}.{kind.replace('.', '_')}" not in words()} == set()


def test_each_act_and_each_movement_of_a_wallet_has_words() -> None:
    orders = {f"order_{action}" for action in ACTIONS}
    kinds = {*NOTED, *orders, "register", "top_up", "pay_invoice", "auto_renew", "notifications"}
    assert {kind for kind in kinds if f"act.{kind}" not in words()} == set()
    moved = {*get_args(RefundReason), "order", "invoice", "top_up", "use", "poc_granted"}
    assert {reason for reason in moved if f"entry.reason.{reason}" not in words()} == set()


@pytest.mark.parametrize("key", words())
def test_a_word_has_the_same_places_to_fill_in_in_every_language(key: str) -> None:
    places = {
        code: {name for _, name, _, _ in Formatter().parse(words()[key][code]) if name}
        for code in LANGUAGES
    }
    assert len({frozenset(one) for one in places.values()}) == 1


def test_money_and_times_are_said_as_people_write_them() -> None:
    english = Language("en", language_of(None, "", "Asia/Ho_Chi_Minh").zone)
    vietnamese = Language("vi", english.zone)
    assert english.money(1_250_000) == "₫1,250,000"
    assert vietnamese.money(1_250_000).replace("\xa0", " ") == "1.250.000 ₫"
    assert english.money(1_250, "USD") == "US$12.50"
    assert english.month("2026-11") == "November 2026"


def test_a_browser_is_answered_in_its_language_unless_another_was_chosen() -> None:
    assert language_of(None, "fr,vi;q=0.8,en;q=0.5", None).code == "vi"
    assert language_of("en", "vi", None).code == "en"
    assert language_of("xx", "fr", None).code == "en"
    assert str(language_of(None, "", "Europe/Berlin").zone) == "Europe/Berlin"
    assert str(language_of(None, "", "No/Where").zone) == "Asia/Ho_Chi_Minh"
