"""What is shown nowhere: secrets that are known, however they are written, and what has the shape of one.

A known secret is found as it is, in URLs, in JSON, in the `repr` of a text, each of them again within another, and in Base64,
as `Authorization: Basic` has it. A shape is the header, address or assignment that secrets stand in: so others' are found.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Kept = Callable[[Mapping[str, Any], str], bool]
    """Whether a field, by its name in its object, is kept as it is."""

HIDDEN = "***"

LEAST = 4
"""From how many characters on a secret is taken out of a text: shorter ones would take words apart."""

LEAST_IN_BASE64 = 8
"""The same where it is written in Base64, which looks like any other word."""

_NAMES = r"(?:access[_-]?key|api[_-]?key|client_secret|passwd|password|secret|token)"

SHAPES = [
    # Headers, in whichever way they are written out; Basic and Bearer also without one.
    (
        r"((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(\\*['\"]?\s*[:=,]\s*+(?:b(?=\\*['\"]))?+\\*+['\"]?+)(?!\*)[^\r\n'\"\\]+",
        r"\1\2***",
    ),
    (r"\b(basic|bearer) +[\w.~+/-]{6,}=*", r"\1 ***"),
    # The password in an address.
    (r"(://[^\s:/?#@'\"]*:)[^\s'\"]*(?=@)", r"\1***"),
    # Parameters of URLs and of PostgreSQL's connection strings, and what is quoted, as in JSON.
    (rf"((?:\w*[_-])?{_NAMES}\s*=\s*+)(?!\*)('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s&;,'\"\\)]+)", r"\1***"),
    (rf"((?:\w*[_-])?{_NAMES}(\\*['\"])\s*:\s*\2)(?!\*)(?:(?!\2).)+", r"\1***"),
    (r"([?&](?:key|sign|signature)=)(?!\*)[^\s&'\"\\]+", r"\1***"),
    # The robots of chats, and how apprise writes them.
    (
        r"(/open-apis/bot/(?:v2/)?hook/|hooks\.slack\.com/services/|/api/webhooks/|api\.telegram\.org/bot)(?!\*)[^\s'\"?\\]+",
        r"\1***",
    ),
    (r"\b((?:feishu|lark|dingtalk|wecombot|discord|slack|tgram|mailtos?)://)(?!\*)[^\s'\"\\]+", r"\1***"),
    # Keys that say what they are: ours, and those of most providers of models.
    (r"\b(sa_|sk-)[\w-]{16,}", r"\1***"),
]
"""What surrounds a secret, and what is left of it."""

HINTS = [
    *(
        "authorization",
        "api-key",
        "api_key",
        "apikey",
        "access_key",
        "access-key",
        "accesskey",
        "cookie",
        "basic ",
        "bearer ",
    ),
    *("passwd", "password", "secret", "token", "?key=", "&key=", "sign=", "signature=", "@", "hook/", "webhooks/"),
    *("slack", "telegram", "feishu:", "lark:", "dingtalk:", "wecombot:", "discord:", "tgram:", "mailto", "sa_", "sk-"),
]
"""A text that has a shape in it has one of these in it."""

NAMED = re.compile(rf"(?i)(?:proxy-)?authorization|(?:set-)?cookie|(?:.*[_-])?{_NAMES}")
"""The names of fields whose values are never shown."""


def parts_of(address: str) -> list[str]:
    """What stands in an address behind its scheme, part by part: each may be a secret by itself."""
    return re.split(r"[/:@?&=,;#]+", address.partition("://")[2])


class Redactor:
    """Takes secrets out of texts and of lines of JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({each for each in secrets if len(each) >= LEAST}, key=len, reverse=True)
        patterns = [_written(each) for each in known]
        based = {each for secret in known if len(secret) >= LEAST_IN_BASE64 for each in _in_base64(secret)}
        patterns += [re.escape(each) for each in sorted(based, key=len, reverse=True)]
        self._known = re.compile("|".join(patterns)) if patterns else None
        self._signs = {_plainest(each) for each in known} | based

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None and self._may_know(text):
            text = self._known.sub(HIDDEN, text)
        if _may_have_shape(text):
            for shape, left in _shapes():
                text = shape.sub(left, text)
        return text

    def line(self, line: str, *, kept: Kept | None = None) -> str:
        """A line of JSON without secrets, in names, in values and in what stands in them; it stays JSON.

        With `kept` it is one that is read back: names stay, each value keeps its type, and fields that are `kept` stay whole.
        """
        if not self._may_know(line) and not _may_have_shape(line):
            return line
        hidden: bytes = orjson.dumps(self._value(orjson.loads(line), kept))
        return hidden.decode()

    def _value(self, value: Any, kept: Kept | None = None) -> Any:
        match value:
            case dict() if kept:
                return {name: each if kept(value, name) else self._value(each, kept) for name, each in value.items()}
            case dict():
                return {self(name): self._field(name, each) for name, each in value.items()}
            case list():
                return [self._value(each, kept) for each in value]
            case str():
                return self(value)
            case bool() | None:
                return value
            case _:  # a number may be somebody's password
                return value if kept or self(written := str(value)) == written else HIDDEN

    def _field(self, name: str, value: Any) -> Any:
        if NAMED.fullmatch(name) and value not in (None, "") and not isinstance(value, bool):
            return HIDDEN
        return self._value(value)

    def _may_know(self, text: str) -> bool:
        """Whether a known secret may be in a text: a quick look, that errs on one side only."""
        for sign in self._signs:  # noqa: SIM110 - every line passes here, and this takes half the time
            if sign in text:
                return True
        return False


def _may_have_shape(text: str) -> bool:
    lower = text.lower()
    for hint in HINTS:  # noqa: SIM110 - as above
        if hint in lower:
            return True
    return False


@lru_cache(maxsize=1)
def _shapes() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(f"(?i){shape}"), left) for shape, left in SHAPES]


def _plainest(secret: str) -> str:
    """The longest part of a secret that is written in one way only."""
    return max((part[0] for part in re.finditer(r"[A-Za-z0-9]*", secret)), key=len)


def _written(secret: str) -> str:
    """A pattern for all ways in which a secret is written."""
    return "".join(_character(each) for each in secret)


def _character(character: str) -> str:
    """A pattern for a character: as it is, and escaped in URLs, JSON and Python, once or more often."""
    if character.isascii() and character.isalnum():
        return character
    octets = character.encode("utf-8", "surrogatepass")
    ways = [rf"\\*{re.escape(character)}", "".join(f"%(?:25)*(?i:{each:02x})" for each in octets)]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    ways.append("".join(rf"\\+u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)))
    ways += [rf"\\+x(?i:{each:02x})" for each in octets if len(octets) == 1]
    if len(octets) > 1:
        ways.append("".join(rf"\\+x(?i:{each:02x})" for each in octets))
        ways.append(rf"\\+(?:x(?i:{ord(character):02x})|U(?i:{ord(character):08x}))")
    if short := {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}.get(character):
        ways.append(rf"\\+{short}")
    if character == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _in_base64(secret: str) -> set[str]:
    """What stands in Base64 wherever a secret stands in what is encoded, in both alphabets."""
    found = set()
    octets = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + octets).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found
