"""A log that forks: which segments lead to its end, and which of them are missing."""

from __future__ import annotations

from stock_assistant_pipelines.backup.timelines import Line, line, number_of, segment

FIRST = "000000010000000100000002"
"""A base backup on the first timeline."""

THIRD = line(
    3,
    "# of nobody's concern\n1\t1/3002148\tbefore 2026-03-04 18:30:00+08\n\n2\t1/5000000\tno recovery target specified\n",
)
"""It comes from the first, left in its segment 3, and the second, left before its segment 5 was begun."""

WAY = [FIRST, "000000020000000100000003", "000000020000000100000004", "000000030000000100000005"]


def test_each_segment_is_read_on_the_timeline_that_was_lived_through() -> None:
    assert [THIRD.segment(number_of(FIRST) + i) for i in range(4)] == WAY
    assert THIRD.follow(FIRST, WAY, (), number_of(WAY[-1])) == (WAY, [])


def test_a_segment_of_another_timeline_stands_for_none() -> None:
    others = [segment(timeline, number_of(FIRST) + i) for timeline in (1, 2, 3) for i in range(4)]
    for name in WAY:
        there = [other for other in others if other != name]
        assert THIRD.follow(FIRST, there, (), number_of(WAY[-1])) == (WAY[: WAY.index(name)], [name])


def test_that_nothing_of_the_newest_timeline_is_there_is_seen() -> None:
    assert THIRD.follow(FIRST, WAY[:-1], (), 0) == (WAY[:-1], [WAY[-1]])
    assert Line(2).follow("000000020000000000000003", (), (), 0) == ([], ["000000020000000000000003"])


def test_a_segment_that_was_only_begun_leads_no_further() -> None:
    assert THIRD.follow(FIRST, WAY[:-1], WAY[-1:], number_of(WAY[-1])) == (WAY, [])
    whole = [WAY[0], *WAY[2:]]
    assert THIRD.follow(FIRST, whole, WAY[1:2], number_of(WAY[-1])) == (WAY[:2], WAY[1:2])


def test_the_numbers_of_segments_run_over_into_the_middle() -> None:
    names = ["0000000100000001000000FF", "000000010000000200000000"]
    assert Line(1).follow(names[0], names, (), number_of(names[1])) == (names, [])


def test_what_happened_after_the_fork_is_not_in_the_past() -> None:
    assert THIRD.holds(1, 0x1_0300_2148)
    assert not THIRD.holds(1, 0x1_0300_2149)
    assert THIRD.holds(3, 0x9_0000_0000)
    assert not THIRD.holds(4, 0)
