"""What can go wrong with a search. The class decides what is done; the message says what a person can do.

No message ever holds the key. A sheet is told the class's own sentence only, so that the same failure leaves the same bytes.
"""

from __future__ import annotations

from typing import ClassVar


class SearchError(Exception):
    """A search that brought no usable answer."""

    told: ClassVar[str]
    """What a sheet says of it."""
    heals = False
    """Whether the same search may succeed when it is made again soon."""
    tries = 3
    """How often it is made at the most where it may heal."""
    stands = False
    """Whether nothing will be answered until a person does something."""
    again = False
    """Whether it would be worth asking in other words: never, of a search."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        self.message = message
        self.wait = wait
        """How many seconds the search engine wants to be left alone."""

    def __str__(self) -> str:
        return self.message


class Unreachable(SearchError):
    """The server could not be reached."""

    told = "the search engine could not be reached"
    heals = True


class Silent(SearchError):
    """No answer came, or not all of it, before the deadline. The search may be billed, so that it is made twice at the most."""

    told = "the search engine did not answer"
    heals = True
    tries = 2


class Overloaded(SearchError):
    """The server answered 5xx."""

    told = "the search engine failed"
    heals = True


class Throttled(SearchError):
    """Too many searches."""

    told = "the search engine took no more searches"
    heals = True


class MalformedAnswer(SearchError):
    """The answer is not what the protocol says. The search may be billed, so that it is made twice at the most."""

    told = "the search engine answered something that is no list of pages"
    heals = True
    tries = 2


class KeyRefused(SearchError):
    """The key is not accepted."""

    told = "the search engine refused the key"
    stands = True


class NoBalance(SearchError):
    """The account is used up."""

    told = "the account at the search engine is used up"
    stands = True


class BadRequest(SearchError):
    """The call is not taken as it was made."""

    told = "the search engine did not take the search"
