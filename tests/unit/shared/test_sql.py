"""Named SQL: each statement has a name of its own and says what it is for."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.sql import Statements

GOOD = """
-- name: find_it
-- What it is for,
-- on two lines.
select 1;

-- name: lock_it
-- To hold it.
select 2 for update;
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of its own for a queries.sql."""
    folder = tmp_path / "stated"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("stated", None)


def test_statements_are_found_by_their_names(package: Path) -> None:
    (package / "queries.sql").write_text(GOOD)
    statements = Statements("stated")
    assert list(statements) == ["find_it", "lock_it"]
    assert statements.find_it == statements["find_it"] == "/* find_it */ select 1"
    assert statements.purpose("find_it") == "What it is for, on two lines."
    with pytest.raises(AttributeError):
        _ = statements.find_nothing


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "\n-- name: lock_it\n-- Again.\nselect 3;", "two statements are named lock_it"),
        ("-- name: find_it\nselect 1;", "lacks the line that says what it is for"),
    ],
)
def test_what_is_unclear_is_refused(package: Path, text: str, complaint: str) -> None:
    (package / "queries.sql").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        Statements("stated")
