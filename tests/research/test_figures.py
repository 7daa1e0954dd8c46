"""Every figure that reports print is what independent code makes of the tables; and whoever changes one is found out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from desks import Office, clear, laid_out
from evidence_market import DAY, MAIN, NEW, PEERS
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bench.figures import every_item
from bench.recomputed import Told, printed
from bench.recomputed.audit import REASON, Audit
from stock_assistant_pipelines.research.evidence import Unit
from stock_assistant_pipelines.research.render import Language, number
from stock_assistant_pipelines.sandbox.model.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

STOCKS = (MAIN, PEERS[1], NEW)
UNITS = [unit for unit in Unit if unit not in {Unit.DATE, Unit.TEXT}]


@pytest.fixture(scope="module")
def written(postgres: URL) -> Iterator[Engine]:
    """A day's reports in both languages."""
    with laid_out(postgres) as engine, running() as rules:
        clear(engine)
        for language in Language:
            office = Office(engine, rules, language)
            office.expect(*STOCKS)
            office.write()
        yield engine


@pytest.fixture
def reports(written: Engine) -> Iterator[Connection]:
    """The same, in a transaction that is taken back."""
    with written.connect() as connection:
        yield connection
        connection.rollback()


def test_every_figure_is_what_the_tables_say(reports: Connection) -> None:
    audit = Audit(reports)
    assert audit.reports() == 2 * len(STOCKS)
    assert every_item(audit) == len(STOCKS)
    assert audit.differences == []
    assert not [name for name in audit.unchecked if name.startswith("item ")]
    assert {where for where, _ in audit.checked} == {"claims", "evidence", "periods in the evidence", "every item"}
    assert len({kind for _, kind in audit.checked}) > 80
    assert audit.unchecked[REASON]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("update daily set close = close + 1 where ts_code = :code and trade_date = :day", "excess.20d.index"),
        ("update index_daily set close = close * 1.01 where trade_date = :day", "excess.20d.index"),
        ("update income set revenue = revenue + 1000 where ts_code = :code and report_type = '1'", "revenue"),
    ],
)
def test_a_row_that_is_not_what_it_was_is_seen(reports: Connection, change: str, differs: str) -> None:
    reports.execute(text(change), {"code": MAIN, "day": DAY})
    audit = Audit(reports)
    audit.reports()
    every_item(audit)
    assert any(differs in each for each in audit.differences)


def test_a_digit_that_is_changed_in_a_claim_is_seen(reports: Connection) -> None:
    reports.execute(
        text(
            "update research_claim set text = overlay(text placing '7.77' from (spans->1->>'start')::int + 1 for 4) "
            "where held and expert = 'technical' and place = 'claims[0]'"
        )
    )
    audit = Audit(reports)
    audit.reports()
    assert sum(each.startswith("claims of ") for each in audit.differences) == 2 * len(STOCKS)


def test_a_figure_that_no_claim_prints_is_seen(reports: Connection) -> None:
    reports.execute(text("update research_report set markdown = markdown || E'\\n- 12 more\\n'"))
    audit = Audit(reports)
    audit.reports()
    assert sum("of no claim" in each for each in audit.differences) == 2 * len(STOCKS)


@given(
    value=st.decimals(min_value="-1e13", max_value="1e13", places=6)
    | st.builds(lambda power, off: Decimal(10) ** power - off, st.integers(0, 12), st.decimals(0, 1, places=4)),
    unit=st.sampled_from(UNITS),
    language=st.sampled_from(list(Language)),
    form=st.sampled_from(["", "0", "1", "2", "abs"]),
)
def test_two_printers_print_the_same(value: Decimal, unit: Unit, language: Language, form: str) -> None:
    assert printed(Told(Fraction(value), unit.value), language.value, form) == number(
        value, unit, language, form or None
    )
