"""What goes wrong, as RFC 9457 has it: `application/problem+json` with a stable `code`."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import Field, ValidationError
from starlette.responses import Response

from shared.messages.model import Model

MEDIA_TYPE: Final = "application/problem+json"
_ERRORS_AT_MOST: Final = 20


class Flaw(Model):
    """What is wrong in one place of a request: `pointer` is an RFC 6901 pointer into its body, or
    `?name` for a parameter of its address."""

    pointer: str
    detail: str


class Problem(Model):
    """What went wrong. Programs decide by `code`, which never changes; `detail` is for people."""

    type: Annotated[str, Field(description="A URN that ends with the code.")]
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: tuple[Flaw, ...] = ()


class Refusal(Exception):
    """An answer that is a problem. `code` is stable."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        errors: Sequence[Flaw] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        problem = Problem(
            type=f"urn:cloudtill:problem:{self.code}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            detail=self.detail,
            errors=self.errors,
        )
        return Response(
            problem.model_dump_json(exclude_none=True),
            self.status,
            {"Cache-Control": "no-store"} | self.headers,
            MEDIA_TYPE,
        )


def not_there(what: str) -> Refusal:
    """What does not exist, or is another account's: nobody learns which."""
    return Refusal(404, "not_found", f"there is no such {what}")


def malformed(error: ValidationError, *, in_address: bool = False) -> Refusal:
    """A request that is not as the document says."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    flaws = [
        Flaw(
            pointer=f"?{one['loc'][0]}" if in_address and one["loc"] else _pointer(one["loc"]),
            detail=one["msg"][:500],
        )
        for one in errors[:_ERRORS_AT_MOST]
    ]
    if any(one["type"] == "json_invalid" for one in errors):
        return Refusal(400, "not_json", flaws[0].detail)
    return Refusal(
        400 if in_address else 422,
        "invalid_parameter" if in_address else "invalid_body",
        errors=flaws,
    )


def _pointer(places: Iterable[int | str]) -> str:
    return "".join(f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in places)
