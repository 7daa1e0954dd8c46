"""The stand-ins of research: the sandbox model, which writes where no model is configured, and the sandbox search.

Rules, and no model; invented pages, and no news. Of a made-up market nobody pays for words.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.research.editions import RULES
from stock_assistant_pipelines.sandbox.keyed import KEY
from stock_assistant_pipelines.sandbox.model.server import PATH

if TYPE_CHECKING:
    from pathlib import Path

NOTICE = "rules, not a model (规则生成，并非模型)"
"""What it is, wherever it is named."""


def environment(url: str) -> dict[str, str]:
    """The environment in which the sandbox model at a base URL is asked, and nobody else."""
    return {
        "LLM_PROVIDER": "sandbox",
        "LLM_MODEL": RULES,
        "LLM_BASE_URL": url,
        "LLM_API_KEY": KEY,
        "LLM_CALLS_PER_MINUTE": "0",
        "LLM_FALLBACKS": "[]",
    }


def join(machine: services.Machine, logs: Path, *, news: bool) -> str:
    """Let the sandbox model run with the services of a machine, which then ask it; with `news` the sandbox search as well.

    Returns the base URL of the model.
    """
    url = _serve(machine, logs, "model") + PATH
    machine.environment.update(environment(url))
    if news:
        searched = {"BOCHA_API_KEY": KEY, "BOCHA_BASE_URL": _serve(machine, logs, "search")}
        machine.environment.update({**searched, "BOCHA_CALLS_PER_MINUTE": "0"})
    return url


def _serve(machine: services.Machine, logs: Path, name: str) -> str:
    """Add one of the sandboxes to the services. Returns where it will answer."""
    port = services.free_port()
    command = [sys.executable, "-m", f"stock_assistant_pipelines.sandbox.{name}", "--port", str(port)]
    root, log = f"http://{services.LOOPBACK}:{port}", logs / f"sandbox-{name}.log"
    machine.first.append(services.Service(f"sandbox {name}", command, log, url=f"{root}/_sandbox/health"))
    return root
