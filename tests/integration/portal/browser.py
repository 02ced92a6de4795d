"""A browser without a screen: it keeps cookies, follows links, and fills in forms as they are."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import httpx

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_KEY = re.compile(r'name="key" value="([^"]+)"')


class Browser:
    """Somebody's browser at the portal; `page` is what it shows."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.page = ""
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def open(self, path: str, **headers: str) -> str:
        """Open a page, wherever it leads."""
        return self._shown(await self.client.get(path, headers=headers, follow_redirects=True))

    async def send(self, path: str, fields: Mapping[str, Any], **more: Any) -> httpx.Response:
        """Send a form with the token and the key of the page that is shown; goes nowhere."""
        hidden = {"csrf": self.token} | ({"key": key[1]} if (key := _KEY.search(self.page)) else {})
        return await self.client.post(path, data=hidden | dict(fields), **more)

    async def fill_in(self, path: str, fields: Mapping[str, Any]) -> str:
        """Send a form and look at where it leads."""
        answer = await self.send(path, fields)
        if answer.is_redirect:
            return await self.open(answer.headers["location"])
        return self._shown(answer)

    def _shown(self, answer: httpx.Response) -> str:
        self.page, self.status, self.headers = answer.text, answer.status_code, answer.headers
        self.path = answer.url.path
        return self.page

    @property
    def token(self) -> str:
        """The token of the forms on the page."""
        found = _TOKEN.search(self.page)
        assert found, "no form on this page"
        return found[1]

    @property
    def text(self) -> str:
        """What the page says, without its marks."""
        reader = _Reader()
        reader.feed(self.page)
        return " ".join(" ".join(reader.said).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_data(self, data: str) -> None:
        self.said.append(data)
