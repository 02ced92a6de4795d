"""Personal data masked, for where messages are shown to people who look into what went wrong."""

import json
import re
from collections.abc import Mapping
from typing import Final

MASK: Final = "•••"
_PERSONAL: Final = frozenset(
    {"email", "phone", "address", "full_name", "payer", "legal_name", "tax_code"}
)
_ADDRESS: Final = re.compile(r"[^\s\"'<>@,;:]{1,64}@[^\s\"'<>@,;:]{1,255}")
"""With an end to both sides: a long text without any would be searched from each of its places."""
_NAMED: Final = re.compile(
    r'("(?:email|phone|address|full_name|payer|name|legal_name|tax_code)"\s*:\s*(?:"|\[\s*"))[^"]*'
)


def masked(value: object) -> object:
    """JSON without personal data: fields that hold it, by name, and e-mail addresses anywhere.

    `name` is a person's only beside an e-mail address: a resource has a name, too.
    """
    match value:
        case str():
            return _ADDRESS.sub(MASK, value) if "@" in value else value
        case Mapping():
            personal = _PERSONAL | {"name"} if "email" in value else _PERSONAL
            return {
                key: MASK if key in personal and one is not None else masked(one)
                for key, one in value.items()
            }
        case list() | tuple():
            return [masked(one) for one in value]
        case _:
            return value


def masked_text(text: str) -> str:
    """The same for text, JSON or not. JSON is indented, so that people can read it."""
    try:
        return json.dumps(masked(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(masked(_NAMED.sub(rf"\g<1>{MASK}", text)))
