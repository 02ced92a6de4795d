"""Every notice that the services ask for, with the facts that they tell: read from their code."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SERVICES: Final = Path(__file__).parents[3] / "services"
_INVOICE: Final = frozenset({"invoice_id", "number", "currency", "gross", "paid", "outstanding"})
"""What `notice` in invoicing's `standing.py` adds itself."""


@dataclass(frozen=True, slots=True)
class SaidNotice:
    """A place in the code that asks for a notice; `facts` is None where it does not show them."""

    where: str
    template: str
    facts: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Unread:
    """A place whose template can't be read from the code as it stands there."""

    where: str


def said_notices() -> Iterator[SaidNotice | Unread]:
    """Each place in the services."""
    for path in sorted(_SERVICES.rglob("*.py")):
        if "notifications" in path.parts:
            continue
        module = ast.parse(path.read_text())
        names = _named(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                where = f"{path.relative_to(_SERVICES)}:{node.lineno}"
                yield from _of_call(node, where, names)
            elif isinstance(node, ast.FunctionDef) and node.name == "reminder":
                yield from _of_reminder(node, str(path.relative_to(_SERVICES)))


def _named(module: ast.Module) -> dict[str, list[ast.expr]]:
    """What names stand for, wherever in a module they are assigned."""
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            names.setdefault(node.target.id, []).append(node.value)
    return names


def _of_call(
    call: ast.Call, where: str, names: dict[str, list[ast.expr]]
) -> Iterator[SaidNotice | Unread]:
    if not isinstance(call.func, ast.Name):
        return
    keywords = {one.arg: one.value for one in call.keywords if one.arg}
    if call.func.id == "notice":
        for template in _texts(call.args[0], names):
            yield SaidNotice(where, template, _INVOICE | keywords.keys())
    elif call.func.id == "NotificationRequested":
        facts = _keys(keywords["facts"], names)
        templates = list(_texts(keywords["template"], names))
        for template in templates:
            yield SaidNotice(where, template, facts)
        if not templates and where.split(":", maxsplit=1)[0] not in _HANDED_ON:
            yield Unread(where)


_HANDED_ON: Final = {"invoicing/handlers/standing.py", "billing/handlers/ticks.py"}
"""Where a template comes from a function that is read itself: `notice` and `reminder`."""


def _of_reminder(function: ast.FunctionDef, where: str) -> Iterator[SaidNotice]:
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            names.setdefault(node.target.id, []).append(node.value)
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            template, facts = node.value.elts
            for text in _texts(template, names):
                yield SaidNotice(f"{where}:{node.lineno}", text, _keys(facts, names))


def _texts(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The texts that an expression may come to."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, names)
            yield from _texts(orelse, names)
        case ast.Name(id=name):
            for value in names.get(name, []):
                yield from _texts(value, names)
        case ast.Subscript(value=table):
            yield from _texts(table, names)
        case ast.Dict(values=values):
            for value in values:
                yield from _texts(value, names)


def _keys(node: ast.expr, names: dict[str, list[ast.expr]]) -> frozenset[str] | None:
    """The keys of a dict, with those that are spread into it; None where they can't be read."""
    match node:
        case ast.Dict(keys=keys, values=values):
            found: set[str] = set()
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    found.add(str(key.value))
                elif key is None:
                    found |= _keys(value, names) or set()
            return frozenset(found)
        case ast.Name(id=name) if names.get(name):
            all_keys = [_keys(value, names) for value in names[name]]
            known = [keys for keys in all_keys if keys is not None]
            return frozenset.intersection(*known) if known else None
        case _:
            return None
