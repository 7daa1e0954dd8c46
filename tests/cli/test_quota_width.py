"""The table of the quota on a narrow terminal."""

from __future__ import annotations

import io

from rich.console import Console

from stock_assistant_pipelines.cli.quota import _table
from stock_assistant_pipelines.tushare.quota import Usage


def test_the_name_of_an_interface_is_whole_at_80_columns() -> None:
    row = Usage("x", "balancesheet_vip", 500, 20, 3, None, None, 1200, 20_000, False)
    out = io.StringIO()
    Console(file=out, width=80).print(_table([row]))
    assert " balancesheet_vip " in out.getvalue()
