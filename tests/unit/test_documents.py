"""What the documents name in the code is there, and does what they say."""

import re
from importlib import import_module
from pathlib import Path

from services.registry import SERVICES
from shared.messages import MESSAGE_TYPES

_FIRST_ORDER = (Path(__file__).parents[2] / "docs" / "first-order.md").read_text()
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
