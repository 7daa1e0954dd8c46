"""Quarters, twelve months and the latest period as this database held them; and nothing later in what is told as of a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stock_assistant_pipelines.warehouse import functions
from stock_assistant_pipelines.warehouse.statement import sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = ("balancesheet", "cashflow", "income")
"""The tables with report types."""

PREFERRED = ("update_flag",)
"""Of versions of one report type that became known at the same time, the highest in these columns stands."""

YEAR_TO_DATE = ("cashflow", "income")
"""The tables with figures that count from the start of the year."""


def upgrade() -> None:
    """Apply."""
    for api in YEAR_TO_DATE:
        flows = _flows(api)
        op.execute(functions.quarter_as_read(api, flows))
        op.execute(functions.ttm_as_read(api, flows))
    for api in STATEMENTS:
        op.execute(functions.statement_as_of(api, PREFERRED))
        op.execute(functions.statement_as_read(api, PREFERRED))
    for name in ("latest_period", "latest_period_as_read", "restatements", "daily_adjusted_as_of"):
        op.execute(sql(name))


def downgrade() -> None:
    """Take back what is new; what was corrected stays."""
    op.execute("DROP FUNCTION latest_period_as_read(text, timestamptz)")
    for api in YEAR_TO_DATE:
        op.execute(
            f"DROP FUNCTION {api}_quarter_as_read(timestamptz, boolean), {api}_ttm_as_read(timestamptz, boolean)"
        )


def _flows(api: str) -> list[str]:
    """The figures that are derived as of a day already: the function's columns, after its two parameters and four keys."""
    names = "SELECT proargnames FROM pg_proc WHERE oid = CAST(:of AS regprocedure)"
    told = op.get_bind().execute(sa.text(names), {"of": f"{api}_quarter_as_of(date, boolean)"}).scalar_one()
    return list(told[6:])
