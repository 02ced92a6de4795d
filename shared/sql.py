"""SQL by name: statements in `.sql` files beside the store that uses them, each with its purpose.

-- name: find_accounts
-- The accounts with these ids.
select ...
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

_HEADER = re.compile(r"^-- name: (\w+)\n((?:--.*\n)+)", re.MULTILINE)


class Statements(Mapping[str, str]):
    """The statements of one `.sql` file, by attribute: `sql.find_accounts`."""

    def __init__(self, package: str, file: str = "queries.sql") -> None:
        text = files(package).joinpath(file).read_text()
        self._statements: dict[str, str] = {}
        self._purposes: dict[str, str] = {}
        for name, purpose, statement in self._parse(text, f"{package}/{file}"):
            self._purposes[name] = purpose
            self._statements[name] = statement

    @staticmethod
    def _parse(text: str, where: str) -> Iterator[tuple[str, str, str]]:
        seen: set[str] = set()
        headers = list(_HEADER.finditer(text))
        if len(headers) != text.count("-- name:"):
            raise ValueError(f"{where}: a statement lacks the line that says what it is for")
        ends = [header.start() for header in headers[1:]] + [len(text)]
        for header, end in zip(headers, ends, strict=True):
            name = header[1]
            if name in seen:
                raise ValueError(f"{where}: two statements are named {name}")
            seen.add(name)
            purpose = " ".join(header[2].replace("-- ", "").split())
            yield name, purpose, f"/* {name} */ " + text[header.end() : end].strip().rstrip(";")

    def purpose(self, name: str) -> str:
        """The line that says what a statement is for."""
        return self._purposes[name]

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)
