"""Text of others as plain data: nothing that cannot be seen, nothing that means something to a program, and not too long."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import urlsplit

LONGEST_ADDRESS = 1000

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"(?:https?://|www\.)[!-'*-~]+", re.IGNORECASE)
"""An address in the middle of a text, of which readers of Markdown would make a link that nobody looked at."""
_TAME = str.maketrans("{}<>[]`|\\", "（）＜＞［］＇｜＼")
"""Signs that mean something in a placeholder, on a page or in Markdown, and the wide ones that mean nothing there."""
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_BLANK = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
"""Signs that count as letters or marks, and show nothing: words can be hidden in them."""


def plain(text: str, longest: int) -> str:
    """A text in one line, as it can be shown and handed to a model."""
    text = _TAG.sub(" ", html.unescape(_TAG.sub(" ", text)))
    text = "".join(" " if sign.isspace() else sign for sign in unicodedata.normalize("NFC", text) if _seen(sign))
    text = " ".join(_LINK.sub("…", text.translate(_TAME)).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _seen(sign: str) -> bool:
    return sign.isspace() or (unicodedata.category(sign) not in _UNSEEN and ord(sign) not in _BLANK)


def address(url: str) -> str | None:
    """The address of a page that one may link to; None of anything else, a script for instance."""
    url = url.strip()
    if len(url) > LONGEST_ADDRESS or any(sign.isspace() or not _seen(sign) or sign in "<>\"'`{}|\\^" for sign in url):
        return None
    try:
        parts = urlsplit(url)
        sound = parts.port != 0  # reading an impossible port raises
    except ValueError:
        return None
    named = parts.hostname is not None and "." in parts.hostname
    return url if sound and named and parts.scheme in {"http", "https"} and parts.username is None else None
