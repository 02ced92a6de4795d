"""Broken messages: samples of the contract with something wrong, and bytes that never were one."""

import copy
import json
import random
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.messages import MESSAGE_TYPES, Message
from shared.wire import LARGEST_BYTES, BadMessage, parse

_SAMPLES: Final = Path(__file__).parents[1] / "samples"
_ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    -(10**30),
    10**15 + 1,
    10**400,
    1.5,
    1e308,
    float("inf"),
    float("nan"),
    "",
    " ",
    "x" * 65,
    "x" * 100_000,
    "đơn hàng ✓ \U0001f4b8",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e\u200b",
    "'; drop table wallet; --",
    "1e5",
    "-1",
    "NaN",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "2026-11-02T12:00:00",
    "2026-02-30T12:00:00Z",
    [],
    {},
    [[]],
    {"": None},
)
_LARGEST_BYTES: Final = LARGEST_BYTES + 1_000
_UNPREDICTABLE: Final = ("tick.", "price.", "product.published", "coupon.", "discount.")
"""Well-formed ones of these change what is right for all others."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A message as it is put into a queue."""

    body: bytes
    type: str | None
    message_id: str | None
    headers: Mapping[str, Any]
    expected: Message | None
    """What it is after all, where it can be read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A valid event in JSON."""

    type: str
    text: str


def samples() -> list[Sample]:
    """One of every type, about customers of their own."""
    return [
        Sample(path.stem, path.read_text().replace("account-1", "fuzz-account"))
        for path in sorted(_SAMPLES.glob("*.json"))
    ]


def broken(
    events: list[Sample], chance: random.Random, number: int, named: set[tuple[str, str]]
) -> Broken:
    """One more broken message.

    Those that could be read and would tell lies about our own services are drawn again: forging
    is not what this is about, and the broker's permissions forbid it. So are those that have the
    source and id of another: each service would believe the one that it saw first.

    Args:
        named: sources and ids of those before; this one's is added.
    """
    while True:
        body = _bytes(events, chance)
        hint = _hint(events, chance)
        try:
            read = parse(body, hint)
        except BadMessage:
            read = None
        name = (read.envelope.source, read.envelope.id) if read else None
        if read is None or (_is_harmless(read) and name not in named):
            named |= {name} if name else set()
            return Broken(
                body=body,
                type=hint,
                message_id=chance.choice([f"fuzz-{number}", None, "x" * 255, "same"]),
                headers={"x-fuzz": str(number), **_odd_headers(chance)},
                expected=read,
            )


def _is_harmless(read: Message) -> bool:
    ours = read.envelope.source.startswith("/cloudtill") or read.source.startswith("/cloudtill")
    return not ours and not read.type.startswith(_UNPREDICTABLE)


def _hint(events: list[Sample], chance: random.Random) -> str | None:
    kind = chance.choice(events).type
    return chance.choice([kind, kind, None, "", "no.such", "\x00", "đơn.hàng"])


def _odd_headers(chance: random.Random) -> dict[str, Any]:
    odd: list[dict[str, Any]] = [
        {},
        {},
        {"x-attempt": "three"},
        {"x-attempt": -1},
        {"x-attempt": 2**40},
        {"x-attempt": True},
        {"x-delivery-count": "many"},
        {"nested": {"a": [1, "b", None]}},
        {"nul\x00": "\x00"},
    ]
    return chance.choice(odd)


def _bytes(events: list[Sample], chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return _no_event(chance)
    event: dict[str, Any] = json.loads(chance.choice(events).text)
    event["id"] = f"fuzz-{chance.getrandbits(60):x}"
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        chance.choice(_MUTATIONS)(event, chance)
    body = json.dumps(event, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")
    if chance.random() < 0.15:
        return _damaged(body, chance)
    return body[:_LARGEST_BYTES]


def _no_event(chance: random.Random) -> bytes:
    match chance.randrange(5):
        case 0:
            return chance.randbytes(chance.randrange(300))
        case 1:
            return b"[" * chance.choice([10, 1_000, 100_000])
        case 2:
            return b'{"a":' * 5_000 + b"1" + b"}" * 5_000
        case 3:
            return json.dumps(chance.choice(_ODD)).encode(errors="surrogatepass")
        case _:
            return bytes(chance.randrange(256) for _ in range(3)) * chance.randrange(1_000)


def _damaged(body: bytes, chance: random.Random) -> bytes:
    """Cut off, or with a few bytes changed."""
    if chance.random() < 0.5:
        return body[: chance.randrange(len(body))]
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in it where something stands."""
    found: list[tuple[Any, Any]] = []
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, MutableMapping):
        pairs = list(value.items())
    elif isinstance(value, MutableSequence):
        pairs = list(enumerate(value))
    for key, one in pairs:
        found.append((value, key))
        found += _places(one)
    return found


def _replace(event: dict[str, Any], chance: random.Random) -> None:
    if places := _places(event):
        container, key = chance.choice(places)
        container[key] = copy.deepcopy(chance.choice(_ODD))


def _vary(event: dict[str, Any], chance: random.Random) -> None:
    """Something else that may well be valid, but fits nothing else."""
    data = event.get("data")
    texts = [
        (container, key)
        for container, key in _places(data)
        if isinstance(container[key], str | int) and not isinstance(container[key], bool)
    ]
    if texts:
        container, key = chance.choice(texts)
        is_text = isinstance(container[key], str)
        container[key] = f"fuzz-{chance.randrange(1_000)}" if is_text else chance.randrange(10**6)


def _drop(event: dict[str, Any], chance: random.Random) -> None:
    if places := _places(event):
        container, key = chance.choice(places)
        del container[key]


def _retype(event: dict[str, Any], chance: random.Random) -> None:
    if places := _places(event):
        container, key = chance.choice(places)
        value = container[key]
        container[key] = chance.choice([[value], {"value": value}, str(value)])


def _negate(event: dict[str, Any], chance: random.Random) -> None:
    numbers = [
        (container, key) for container, key in _places(event) if isinstance(container[key], int)
    ]
    if numbers:
        container, key = chance.choice(numbers)
        container[key] = chance.choice([-container[key], container[key] * 10**12, 0])


def _nest(event: dict[str, Any], chance: random.Random) -> None:
    nested: Any = 1
    for _ in range(chance.choice([5, 100, 400])):
        nested = chance.choice([[nested], {"a": nested}])
    event[chance.choice(["data", "more", "id"])] = nested


def _add(event: dict[str, Any], chance: random.Random) -> None:
    data = event.get("data")
    target = data if isinstance(data, dict) and chance.random() < 0.7 else event
    target[chance.choice(["more", "", "id", "x" * 1_000])] = copy.deepcopy(chance.choice(_ODD))


def _rename(event: dict[str, Any], chance: random.Random) -> None:
    event["type"] = chance.choice([*MESSAGE_TYPES, "no.such", 5, "order.placed\x00"])


def _grow(event: dict[str, Any], chance: random.Random) -> None:
    lists = [one for one, key in _places(event) if isinstance(one, list) and key == 0]
    one = chance.choice(lists or [[]])
    if one and len(json.dumps(one[0])) < _LARGEST_BYTES // 1_001:
        # Copies: one list in many places that grows once more would be millions.
        one += [copy.deepcopy(one[0]) for _ in range(chance.choice([1, 1, 250, 1_001]))]


_MUTATIONS: Final[tuple[Callable[[dict[str, Any], random.Random], None], ...]] = (
    _replace,
    _replace,
    _replace,
    _vary,
    _vary,
    _vary,
    _drop,
    _drop,
    _retype,
    _negate,
    _nest,
    _add,
    _rename,
    _grow,
)
