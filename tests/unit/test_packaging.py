"""What is installed: two packages with their SQL, and nothing that hides somebody else's."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import services
import shared

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def in_wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def _files(suffix: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in ("services", "shared")
        for path in (ROOT / package).rglob(f"*{suffix}")
    }


def test_the_wheel_holds_services_and_shared_and_nothing_else(in_wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"services", "shared"}


def test_the_wheel_holds_every_module_every_statement_and_every_page(in_wheel: set[str]) -> None:
    assert _files(".sql") <= in_wheel
    assert _files(".py") <= in_wheel
    for pages in (".html", ".toml", ".css", ".js", ".svg"):
        assert _files(pages), f"there are pages, and {pages} is a part of them"
        assert _files(pages) <= in_wheel
    assert "shared/schema/0001_messaging.sql" in in_wheel


def test_the_wheel_holds_what_documents_are_made_of(in_wheel: set[str]) -> None:
    for suffix in (".typ", ".ttf", "OFL.txt"):
        assert _files(suffix)
        assert _files(suffix) <= in_wheel


def test_the_wheel_says_that_its_types_may_be_relied_on(in_wheel: set[str]) -> None:
    assert {"services/py.typed", "shared/py.typed"} <= in_wheel


def test_services_and_shared_are_ours() -> None:
    assert Path(services.__file__ or "").parent == ROOT / "services"
    assert Path(shared.__file__ or "").parent == ROOT / "shared"
