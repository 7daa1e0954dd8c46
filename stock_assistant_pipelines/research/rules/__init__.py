"""The rules of the gate: each reads one claim and tells what the evidence does not support. Grouped by what they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.rules.directions import right_comparison, right_direction
from stock_assistant_pipelines.research.rules.figures import no_figures, own_units, plain_text, printable
from stock_assistant_pipelines.research.rules.levels import right_level, right_oscillator, right_record
from stock_assistant_pipelines.research.rules.names import no_promises, right_company, right_measure
from stock_assistant_pipelines.research.rules.periods import right_period, right_span, right_year, same_period, yearly
from stock_assistant_pipelines.research.rules.sources import attributed, cited, fresh_news, heard, known_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stock_assistant_pipelines.research.reading import Reading, Violation

RULES: tuple[Callable[[Reading], Iterator[Violation]], ...] = (
    known_ids,
    cited,
    fresh_news,
    heard,
    attributed,
    plain_text,
    printable,
    no_figures,
    own_units,
    right_company,
    right_measure,
    right_period,
    right_year,
    right_span,
    same_period,
    yearly,
    right_direction,
    right_comparison,
    right_level,
    right_record,
    right_oscillator,
    no_promises,
)
"""What every claim is held to, in the order in which violations are told."""
