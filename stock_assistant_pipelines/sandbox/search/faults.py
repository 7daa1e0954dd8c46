"""What web searches are known to do wrong, on request: `throttle:times=3`, `undated:company=平安银行`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stock_assistant_pipelines.sandbox.faults import OFTEN, Misbehaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS = {
    "throttle": "429: too many searches; Retry-After is `seconds`",
    "bad_key": "401: the key is refused",
    "no_balance": "403: nothing is left in the account",
    "no_balance_inside": "the same under HTTP 200, in the body's code only",
    "refused": "400: the call is not taken",
    "http_503": "503 from the gateway, no JSON",
    "timeout": "nothing comes for `seconds`, then the answer",
    "drip": "blanks keep the connection alive for `seconds`, then the answer",
    "reset": "the connection is closed without an answer",
    "malformed": "the JSON is cut off",
    "off_protocol": "JSON in which the pages are no list",
    "nothing": "no page",
    "undated": "no page has a date",
    "future": "all pages are of the week after the window",
    "stale": "all pages are three years older than the window",
    "old_as_new": "pages of three years ago under the date of the window's last day; their addresses tell the truth",
    "other_company": "all pages are about another company",
    "injection": "the first page tells its reader what to do, with braces, markup and signs that nobody sees",
    "duplicate": "every page comes twice, the second time from another site a day later",
    "script": "links are scripts",
}
"""Every fault and what it does."""


def _company(text: str) -> str:
    if not text:
        raise ValueError("takes the name of a company")
    return text


@dataclass(frozen=True)
class SearchFault(Misbehaviour):
    """What befalls searches."""

    KINDS = KINDS
    READERS: ClassVar[Mapping[str, Callable[[str], Any]]] = {"company": _company, **OFTEN}
    HELD = frozenset({"timeout", "drip", "throttle"})

    company: str | None = None
    """Only searches for this company."""

    def matches(self, company: str) -> bool:
        """Whether a search is one of those it befalls."""
        return self.company in {None, company}

    def selected(self) -> dict[str, object]:
        """The company."""
        return {"company": self.company}
