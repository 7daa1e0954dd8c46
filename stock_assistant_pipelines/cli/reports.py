"""The commands of the research reports: to write them, to make them again, to see what they cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from stock_assistant_pipelines.cli.configured import configured

if TYPE_CHECKING:
    from datetime import datetime

DAY = click.DateTime(["%Y-%m-%d", "%Y%m%d"])


@click.command()
@click.argument("codes", nargs=-1, required=True, metavar="TS_CODE...")
@click.option("--as-of", "day", type=DAY, help="Trading day; by default the last complete one.")
@click.option("--language", type=click.Choice(["zh", "en"]), help="By default RESEARCH_LANGUAGE.")
@click.option("--markdown", is_flag=True, help="The Markdown alone on standard output, all else on standard error.")
@click.option("--rules", is_flag=True, help="By rules in place of a model, to try it; such a report says so.")
def research(codes: tuple[str, ...], day: datetime | None, language: str | None, markdown: bool, rules: bool) -> None:
    """Write the research reports of stocks and show them; what stands is shown as it is.

    0 is the exit code when all can be read (published, degraded or abstained), 1 when one failed, 3 when a budget
    stopped it.
    """
    from stock_assistant_pipelines.cli.research import Asked, run
    from stock_assistant_pipelines.research.render import Language

    asked = Asked(codes, day.date() if day else None, Language(language) if language else None, markdown)
    sys.exit(run(configured(), asked, rules=rules))


@click.command()
@click.argument("reports", nargs=-1, metavar="[REPORT]...")
@click.option("--all", "every", is_flag=True, help="Every report that can be read.")
@click.option("--day", type=DAY, help="Those of a trading day.")
def replay(reports: tuple[str, ...], every: bool, day: datetime | None) -> None:
    """Make research reports again, offline, and show where they differ from what is stored; 1 when one does."""
    from stock_assistant_pipelines.cli.replay import run

    sys.exit(run(configured(), reports, day.date() if day else None, every=every))


@click.command()
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["day", "month", "model", "expert", "report", "outcome"]),
    help="What is told apart; repeatable. By day and model by default.",
)
@click.option("--from", "since", type=DAY, help="First day, of Shanghai; the first there is.")
@click.option("--to", "until", type=DAY, help="Last day.")
@click.option("--report", help="Of one report.")
def costs(by: tuple[str, ...], since: datetime | None, until: datetime | None, report: str | None) -> None:
    """Show what the calls of language models came to, and what is left of the budgets."""
    from stock_assistant_pipelines.cli.costs import run
    from stock_assistant_pipelines.research.costs import By

    chosen = [By(each) for each in by or ("day", "model")]
    run(configured(), chosen, since.date() if since else None, until.date() if until else None, report)
