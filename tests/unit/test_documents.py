"""What the documents name in the code is there, and does what they say."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

from services.invoicing.domain.reports import Fault
from services.registry import SERVICES
from shared.messages import MESSAGE_TYPES

_ROOT = Path(__file__).parents[2]
_FIRST_ORDER = (_ROOT / "docs" / "first-order.md").read_text()
_BOOK = (_ROOT / "deploy" / "README.md").read_text()
_STEP = re.compile(r"^\| `([a-z._]+)` \| `([\w.]+):(\w+)` \| (.*) \|$", re.MULTILINE)


def test_the_way_of_an_order_through_the_code_is_the_one_it_takes() -> None:
    steps = _STEP.findall(_FIRST_ORDER)
    assert len(steps) == 5
    for (name, module, function, does), following in zip(steps, (*steps[1:], None), strict=True):
        handler = getattr(import_module(module), function)
        service = SERVICES[module.split(".")[1]]
        by_table = service.handlers[MESSAGE_TYPES[name]]
        assert by_table.__module__.startswith(f"services.{service.name}.handlers")
        assert by_table is handler or by_table.__name__ == "money_moved"
        if following is not None:
            assert f"says `{following[0]}`" in does


def test_what_is_named_beside_it_is_there() -> None:
    for module, name in re.findall(r"`((?:services|shared)[\w.]*):(\w+)`", _FIRST_ORDER):
        assert hasattr(import_module(module), name), f"{module}:{name}"


def test_the_operators_book_explains_every_reason_of_a_dead_letter() -> None:
    head = "| reason | what it means | what to do |\n| --- | --- | --- |\n"
    (table,) = re.findall(re.escape(head) + r"((?:\|.*\n)+)", _BOOK)
    explained = {
        reason for row in table.splitlines() for reason in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    given = {*_reasons(), *get_args(Fault)}
    assert len(given) > 20
    assert explained == given


def _reasons() -> Iterator[str]:
    """The reasons that stand in the code: of what is refused, put away, or can't be read."""
    for file in (
        file for folder in ("services", "shared") for file in (_ROOT / folder).rglob("*.py")
    ):
        for call in ast.walk(ast.parse(file.read_text())):
            match call:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                    place = {"Refused": 1, "put_away": 0, "BadMessage": 0}.get(name)
                case _:
                    continue
            if place is not None and isinstance(reason := call.args[place], ast.Constant):
                yield str(reason.value)
    yield "delivery_limit"
