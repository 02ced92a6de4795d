"""Every notice has its text in both languages, and what customers call things stays text."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.notices import NOTICES, Fact, Language, Notice
from services.notifications.rendering import LANGUAGES, Reader, Text, _texts, render
from tests.unit.notifications.said import SaidNotice, Unread, said_notices

SAMPLES: Mapping[str, Any] = {
    "text": "web-24c7",
    "code": "prepaid",
    "money": 1_250_000,
    "time": "2026-11-02T17:30:00+00:00",
    "count": 3,
    "flag": True,
    "names": ["2026A-0000001", "2026A-0000002"],
    "link": "https://pay.example.com/p?a=1&b=2",
}


def facts_of(template: str, **others: Any) -> dict[str, Any]:
    """Facts that such a notice tells."""
    facts = {name: SAMPLES[fact.kind] for name, fact in NOTICES[template].facts.items()}
    return facts | others


def reader(language: Language = "en", owner: str = "An") -> Reader:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    return Reader("acc-1", owner, is_owner=True, language=language, currency="VND", zone=zone)


def rendered(template: str, language: Language = "en", **facts: Any) -> Text:
    told = facts_of(template, **facts)
    return render(template, told, reader(language), "Cloudtill", "https://portal.example.com")


def test_every_notice_that_is_said_has_a_text_and_all_of_its_facts() -> None:
    said = [one for one in said_notices() if isinstance(one, SaidNotice)]
    assert {"resource_created", "resource_ends_soon", "invoice_paid", "payment_link"} <= {
        one.template for one in said
    }
    for one in said:
        assert one.template in NOTICES, f"{one.where}: {one.template} has no text"
        assert one.facts is not None, f"{one.where}: say {one.template}'s facts where they are seen"
        facts = NOTICES[one.template].facts
        needed = {name for name, fact in facts.items() if not fact.optional}
        assert needed <= one.facts, f"{one.where}: {one.template} lacks {needed - one.facts}"


def test_no_notice_is_said_in_a_way_that_this_test_can_not_read() -> None:
    assert [one.where for one in said_notices() if isinstance(one, Unread)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_those_of_the_notices(language: Language) -> None:
    texts = _texts(language)
    assert texts.keys() - {"frame", "buttons", "words"} == NOTICES.keys()


def test_both_languages_translate_the_same_words() -> None:
    english, vietnamese = _texts("en"), _texts("vi")
    for part in ("frame", "buttons", "words"):
        assert english[part].keys() == vietnamese[part].keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(NOTICES))
def test_each_notice_reads_with_all_of_its_facts_and_without_what_is_optional(
    template: str, language: Language
) -> None:
    whole = rendered(template, language)
    without = {name: None for name, fact in NOTICES[template].facts.items() if fact.optional}
    for text in (whole, rendered(template, language, **without)):
        assert 5 < len(text.subject) <= 150
        assert "None" not in text.plain + text.html + text.subject
        assert "{" not in text.plain + text.html + text.subject
        assert text.subject in text.html or "&#39;" in text.html or "&amp;" in text.html
        assert len(text.plain.splitlines()) > 4


@pytest.mark.parametrize("template", sorted(NOTICES))
def test_languages_differ(template: str) -> None:
    assert rendered(template, "en").plain != rendered(template, "vi").plain


class _Tags(HTMLParser):
    """The tags of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def _tags(html: str) -> _Tags:
    parser = _Tags()
    parser.feed(html)
    return parser


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "a\r\nBcc: everybody@example.com",
    "</p><a href='https://evil.example.com'>pay here</a>",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("template", sorted(NOTICES))
def test_nothing_that_a_customer_wrote_becomes_markup(template: str, name: str) -> None:
    kinds = {"text": name, "code": name, "names": [name]}
    facts = {
        one: kinds.get(fact.kind, SAMPLES[fact.kind])
        for one, fact in NOTICES[template].facts.items()
    }
    harmless = rendered(template, "en")
    hostile = render(template, facts, reader(owner=name), "Cloudtill", "https://portal.example.com")
    assert sorted(_tags(hostile.html).tags) == sorted(_tags(harmless.html).tags)
    assert _tags(hostile.html).links == _tags(harmless.html).links
    assert "\n" not in hostile.subject
    assert "\r" not in hostile.subject + hostile.plain
    assert "49" not in hostile.plain


@given(st.text(max_size=300))
def test_no_text_whatever_breaks_a_mail(name: str) -> None:
    fault = NOTICES["resource_created"].fault(facts_of("resource_created", name=name))
    if fault is None:
        text = rendered("resource_created", name=name)
        assert text.subject.isprintable()
        assert "<script" not in text.html


def test_times_and_amounts_are_written_as_the_reader_does() -> None:
    english = rendered("resource_created", refunded=0).plain
    assert "3 November 2026 00:30" in english
    vietnamese = rendered("invoice_paid", "vi").plain
    assert "1.250.000 VND" in vietnamese
    assert "12,500.00 USD" in rendered("invoice_paid", currency="USD").plain


def test_nothing_is_said_of_a_refund_that_there_is_not() -> None:
    assert "credit" not in rendered("resource_deleted", refunded=0).plain
    assert "1,250,000 VND came back as credit" in rendered("resource_deleted").plain


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("money", "12"),
        ("money", True),
        ("money", 1.5),
        ("money", 10**16),
        ("time", "2026-11-02T17:30:00"),
        ("time", "soon"),
        ("time", 5),
        ("text", 5),
        ("text", "\0"),
        ("text", "\ud800"),
        ("text", "x" * 2_001),
        ("link", "javascript:alert(1)"),
        ("flag", 1),
        ("count", -1),
        ("names", "2026A-1"),
        ("names", [1]),
    ],
)
def test_a_fact_of_another_kind_is_a_fault(kind: Any, wrong: object) -> None:
    notice = Notice("account", {"fact": Fact(kind)})
    assert notice.fault({"fact": SAMPLES[kind]}) is None
    assert notice.fault({"fact": wrong}) == f"the fact fact is no {kind}"
    assert notice.fault({}) == "the fact fact is missing"


def test_a_currency_that_nobody_knows_is_a_fault() -> None:
    facts = facts_of("invoice_paid", currency="XXX")
    assert NOTICES["invoice_paid"].fault(facts) == "the currency is unknown"


def test_only_what_a_notice_tells_is_kept_of_its_facts() -> None:
    told = NOTICES["payment_failed"].told({"payment_id": "p", "reason": "r", "secret": "s"})
    assert told == {"payment_id": "p", "reason": "r", "currency": None}


def test_what_a_user_must_know_can_not_be_muted() -> None:
    mandatory = {name for name, notice in NOTICES.items() if notice.mandatory}
    assert {"invoices_overdue", "resource_suspended", "hold_short", "payment_link"} <= mandatory
    assert not mandatory & {"resource_created", "resource_ends_soon", "invoice_paid"}


def test_a_plain_mail_has_no_markup() -> None:
    for template in NOTICES:
        assert not re.search(r"<\w+|&\w+;", rendered(template).plain.replace("a=1&b=2", ""))
