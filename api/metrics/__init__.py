"""Metrics: what Prometheus is told of an application, its requests, what it holds, and the data that it serves."""

from __future__ import annotations

from api.metrics.registry import Metrics

__all__ = ["Metrics"]
