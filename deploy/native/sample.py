"""Land a few days of the synthetic market, and make a key: something to be asked for, and somebody who may ask.

Usage, in the place of a service of the pipelines: python -m deploy.native.sample        (prints the key)
"""

from __future__ import annotations

from datetime import date

from pydantic import SecretStr

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import keys
from stock_assistant_pipelines.warehouse.database import available

STOCK = "000001.SZ"
DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
DATASETS: dict[str, list[date]] = {
    "trade_cal": [],
    "stock_basic": [],
    "suspend_d": DAYS,
    "daily": DAYS,
    "adj_factor": DAYS,
}


def main() -> None:
    """Land them, and print the key. Exit 1 when a partition is not complete."""
    with available(settings()) as database, running(stocks=50, quota=False) as sandbox:
        engine = database.engine()
        with Transport(SecretStr(TOKEN), sandbox.url) as transport:
            for name, days in DATASETS.items():
                entries = list(Ingest(engine, transport).land(CATALOG[name], days))
                if wrong := [entry for entry in entries if entry.status != "complete"]:
                    raise SystemExit(f"{name}: {wrong[0]}")
        print(keys.create(engine, "sample"))
        engine.dispose()


if __name__ == "__main__":
    main()
