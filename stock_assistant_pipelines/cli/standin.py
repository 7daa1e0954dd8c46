"""The stand-in: the sandbox model, which writes research reports where no model is configured. Rules, and no model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.research.editions import RULES
from stock_assistant_pipelines.sandbox.model.server import KEY, PATH

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


def join(machine: services.Machine, logs: Path) -> str:
    """Let the sandbox model run with the services of a machine, which then ask it. Returns its base URL."""
    port = services.free_port()
    command = [sys.executable, "-m", "stock_assistant_pipelines.sandbox.model", "--port", str(port)]
    root = f"http://{services.LOOPBACK}:{port}"
    log = logs / "sandbox-model.log"
    machine.first.append(services.Service("sandbox model", command, log, url=f"{root}/_sandbox/health"))
    machine.environment.update(environment(root + PATH))
    return root + PATH
