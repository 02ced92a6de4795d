"""The API under everything its document allows and much that it doesn't: no server error, and each
answer is as the document has it."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from services.portal.api.app import PREFIX
from services.portal.api.openapi import document
from services.portal.settings import PortalSettings
from services.portal.web.app import portal_app
from shared import http
from shared.messages.billing import QuoteGiven
from shared.messages.invoicing import UsageReportGiven
from shared.messages.upstream import QuoteRequested, UsageReportRequested
from shared.wire import parse
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import life_of
from tests.integration.portal.programs import program
from tests.servers.server import free_port

_WITHIN_S: Final = 110
_CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)


async def _answer_questions(office: Office) -> None:
    """Be billing and invoicing for whoever asks for a price or a report."""
    answered = 0
    while True:
        rows = await office.rows(
            "select row_id, body, type from outbox where row_id > $1 order by row_id", answered
        )
        for row in rows:
            answered = row["row_id"]
            message = parse(row["body"], row["type"])
            if isinstance(message, QuoteRequested):
                given = QuoteGiven(
                    quote_id=message.quote_id,
                    account_id=message.account_id,
                    reason="unknown_product",
                )
                await office.hear(given.because(message))
            elif isinstance(message, UsageReportRequested):
                report = UsageReportGiven(
                    request_id=message.request_id,
                    account_id=message.account_id,
                    period=message.period,
                    until=message.time,
                )
                await office.hear(report.because(message))
        await asyncio.sleep(0.02)


def _document(webhook: str) -> dict[str, Any]:
    """The API's document, in which ids are mostly those of things that are there."""
    made = document(PREFIX)
    ids = {
        "account_id": ["an"],
        "wallet": ["credit", "poc"],
        "resource_id": ["r-ord-an"],
        "order_id": ["ord-an"],
        "payment_id": ["pay-ord-an", "top-an"],
        "invoice_id": ["inv-ord-an"],
        "period": ["2026-11", "2026-12"],
        "endpoint_id": [webhook],
    }
    for methods in made["paths"].values():
        for operation in methods.values():
            for place in operation["parameters"]:
                if place["name"] in ids and place["in"] == "path":
                    place["schema"] = {"enum": ids[place["name"]]}
    return made


async def test_whatever_is_asked_there_is_no_server_error_and_each_answer_is_as_documented(
    office: Office, tmp_path: Path
) -> None:
    office.settings = PortalSettings(
        api_requests_a_minute=1_000_000, poll_s=0.02, quote_wait_s=30, webhooks_anywhere=True
    )
    await office.hear(*life_of("an"))
    mine = await program(office, "an")
    hook = {"url": "http://127.0.0.1:9/", "event_types": ["invoice.paid"]}
    endpoint = (await mine.ask("POST", "/webhook-endpoints", hook)).json()["endpoint_id"]
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(_document(endpoint)))
    port = free_port()
    base = f"http://127.0.0.1:{port}/api/v1"
    async with http.serving(portal_app(office.portal()), port):
        answering = asyncio.create_task(_answer_questions(office))
        testing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", str(described)),
            *("--url", base, "--header", f"Authorization: Bearer {mine.token}"),
            *("--checks", _CHECKS, "--phases", "examples,coverage,fuzzing", "--seed", "20261102"),
            *("--max-examples", "8", "--no-color", "--max-time", "30", "--no-shrink"),
            *("--generation-database", "none"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(_WITHIN_S):
                told, _ = await testing.communicate()
        finally:
            with suppress(ProcessLookupError):
                testing.kill()
            answering.cancel()
    assert testing.returncode == 0, told.decode()
