"""Documents as PDF: the same bytes for the same values.

No clock is asked: a document was created when its business time says so. Nothing is fetched: the
fonts stand beside the template, and those of the machine are not looked at. What customers wrote
goes in as data and is only shown; a letter that no font has is an empty box, and no reason
to have no invoice (which is why this is not PDF/A).
"""

import json
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

import typst

from services.portal.documents.frame import Page
from services.portal.documents.pages import credit_note_page, invoice_page
from services.portal.documents.statement import statement_page
from services.portal.documents.values import (
    CreditNoteDocument,
    InvoiceDocument,
    Language,
    StatementDocument,
)

_HERE: Final = Path(__file__).parent
_LOCK: Final = Lock()
_compiler: typst.Compiler | None = None


def invoice_pdf(invoice: InvoiceDocument, language: Language) -> bytes:
    """An invoice as PDF."""
    return _pdf(invoice_page(invoice, language), invoice.issued_at)


def credit_note_pdf(note: CreditNoteDocument, language: Language) -> bytes:
    """A credit note as PDF."""
    return _pdf(credit_note_page(note, language), note.at)


def statement_pdf(statement: StatementDocument, language: Language) -> bytes:
    """A monthly statement as PDF."""
    return _pdf(statement_page(statement, language), statement.made_at)


def _pdf(page: Page, at: datetime) -> bytes:
    """A page in print. One at a time: the compiler keeps the fonts and the template at hand."""
    global _compiler  # noqa: PLW0603 - made when it is first needed, which takes a while
    written = json.dumps(page, ensure_ascii=False)
    with _LOCK:
        if _compiler is None:
            _compiler = typst.Compiler(
                str(_HERE / "document.typ"),
                root=str(_HERE),
                font_paths=[str(_HERE / "fonts")],
                ignore_system_fonts=True,
            )
        printed = _compiler.compile(
            format="pdf",
            sys_inputs={"data": written},
            timestamp=int(at.timestamp()),
        )
    assert isinstance(printed, bytes)
    return printed
