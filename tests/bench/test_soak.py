"""The soak finds what is wrong: an answer that tells what the database held at no moment between its question and its end."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from bench import asking, mix, soak
from bench.asking import Question, Reply
from bench.states import FIRST_VALUE, History, Verdict, Writes, judge

DAYS = [date(2024, 1, 31) - timedelta(days=at) for at in range(4)]
GROWN = [[0, "none", 0, None], [1, "one", 1, "then"], [2, "two", 2, "later"]]
WRITES = Writes([10.0, 20.0], [11.0, 21.0])
"""Two writes: from 10 to 11, and from 20 to 21."""
GONE = (100.0, 102.0)
HISTORY = History(WRITES, WRITES, GONE, {"q": "right"}, {"q": 2})


def judged(kind: str, told: list[Any], asked: float, answered: float, truth: Any = "right", **words: Any) -> Verdict:
    question = Question("q", "/", kind, **words)
    history = History(WRITES, WRITES, GONE, {"q": truth}, HISTORY.steps)
    return judge([question], [told], [(0, asked, answered, 0, False)], history)["q"]


@pytest.mark.parametrize(
    ("kind", "told", "asked", "answered", "right"),
    [
        ("stable", ["told", "right"], 1, 2, True),
        ("stable", ["told", "other"], 1, 2, False),
        ("stable", ["hang"], 1, 31, False),
        ("stable", ["undocumented", 500, "…"], 1, 2, False),
        ("stable", ["not landed"], 1, 2, False),
        ("page", ["page"], 1, 2, True),
        ("page", ["cut off"], 1, 2, False),
        ("register", ["told", "right", FIRST_VALUE], 1, 2, True),
        ("register", ["told", "right", FIRST_VALUE], 10.5, 10.7, True),
        ("register", ["told", "right", FIRST_VALUE + 1], 10.5, 10.7, True),
        ("register", ["told", "right", FIRST_VALUE], 12, 13, False),
        ("register", ["told", "right", FIRST_VALUE + 1], 8, 9, False),
        ("register", ["told", "other", FIRST_VALUE + 1], 12, 13, False),
        ("register", ["told", "right"], 12, 13, False),
        ("step", ["not landed"], 12, 20.5, True),
        ("step", ["not landed"], 22, 23, False),
        ("step", ["told", "right"], 12, 20.5, True),
        ("step", ["told", "right"], 12, 13, False),
        ("step", ["told", "other"], 22, 23, False),
    ],
)
def test_an_answer_is_held_to_what_there_was(
    kind: str, told: list[Any], asked: float, answered: float, right: bool
) -> None:
    verdict = judged(kind, told, asked, answered)
    assert (verdict.right, bool(verdict.wrong)) == (right, not right), verdict.wrong


@pytest.mark.parametrize(
    ("state", "right"), [(GROWN[0], False), (GROWN[1], True), (GROWN[2], False), ([1, "two", 1, "then"], False)]
)
def test_what_grows_is_held_to_the_days_that_had_landed(state: list[Any], right: bool) -> None:
    assert bool(judged("prefix", ["grown", *state], 12, 13, GROWN).right) is right


@pytest.mark.parametrize(
    ("told", "asked", "words", "excused"),
    [
        (["problem", 503, "/problems/overloaded", True], 1, {}, True),
        (["problem", 503, "/problems/overloaded", False], 1, {}, False),
        (["problem", 503, "/problems/database-unavailable", True], 101, {}, True),
        (["problem", 503, "/problems/database-unavailable", True], 50, {}, False),
        (["problem", 503, "/problems/database-unavailable", True], 115, {}, False),
        (["problem", 503, "/problems/migrations-pending", True], 101, {}, False),
        (["problem", 404, "/problems/not-landed", False], 1, {}, False),
        (["broken off", "IncompleteReadError"], 100, {"streamed": True}, True),
        (["broken off", "IncompleteReadError"], 100, {}, False),
        (["broken off", "IncompleteReadError"], 50, {"streamed": True}, False),
    ],
)
def test_a_problem_has_to_be_documented_and_in_its_place(
    told: list[Any], asked: float, words: dict[str, Any], excused: bool
) -> None:
    verdict = judged("stable", told, asked, asked + 1, **words)
    assert (verdict.right, verdict.problems.total(), not verdict.wrong) == (0, 1, excused)


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def test_the_time_and_the_id_of_an_answer_count_for_nothing_and_its_rows_for_all() -> None:
    question = Question("q", "/")
    bodies = [b'{"meta":{"as_of":"%d","rows":1},"items":[[%d]]}' % each for each in ((1, 5), (2, 5), (2, 6))]
    first, again, other = (asking.told(question, reply(body)) for body in bodies)
    assert first == again
    assert first != other


def test_a_figure_is_found_in_every_form() -> None:
    bodies = [b'{"items":[["x",900000007]]}', b'{"items":[["x",900000007.0]]}', b"x,900000007\n"]
    assert [asking.told(Question("q", "/", "register"), reply(body))[2:] for body in bodies] == [[900000007]] * 3
    assert asking.told(Question("q", "/", "register"), reply(b"1900000007,0.900000007"))[2:] == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            reply({"type": "/problems/overloaded"}, 503, content_type="application/problem+json", retry_after="1"),
            ["problem", 503, "/problems/overloaded", True],
        ),
        (
            reply({"type": "/problems/not-landed"}, 404, content_type="application/problem+json"),
            ["problem", 404, "/problems/not-landed", False],
        ),
        (
            reply(b"<h1>!</h1><p><strong>Database unavailable.</strong> Ask again.</p></html>", 503, retry_after="5"),
            ["problem", 503, "/problems/database-unavailable", True],
        ),
        (reply(b"oops", 500), ["undocumented", 500, "oops"]),
        (reply(b"<html>"), ["cut off"]),
    ],
)
def test_what_is_no_answer_is_told_apart(answer: Reply, told: list[Any]) -> None:
    assert asking.told(Question("q", "/", "page"), answer) == told


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", b'{"meta":{},"items":[["A","20240128",1.0],["A","20240129",2.0],["A","20240131",3.0]]}'),
        ("csv", b"ts_code,trade_date,open\nA,20240128,1.0\nA,20240129,2.0\nA,20240131,3.0\n"),
    ],
)
def test_earlier_states_are_the_end_of_the_last(form: str, body: bytes) -> None:
    landed = dict.fromkeys((day.isoformat() for day in DAYS), soak.datetime(2024, 2, 1, tzinfo=soak.SHANGHAI))
    states = soak._states(Question("q", "/", "prefix", form=form), body, DAYS, landed)
    assert [state[0] for state in states] == [0, 1, 1, 2, 3]
    assert states[1][1] == states[2][1]  # one day without a bar
    whole = body.partition(b'"items":')[2] if form == "json" else body.partition(b"\n")[2]
    assert states[-1] == [3, asking.digest(whole), 4, "2024-02-01T00:00:00+08:00"]


def test_every_question_has_a_name_of_its_own() -> None:
    place = mix.Place("A", "B", DAYS[::-1], DAYS[-1])
    names = [question.name for question in mix.questions(place, DAYS)]
    assert len(names) == len(set(names))
    assert mix.steps(DAYS) == {"day 3 that lands": 3, "/tushare day 3 that lands": 3}
