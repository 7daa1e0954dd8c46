"""Tushare's protocol: the SDK and programs written for it, pointed at us, run unchanged on what has landed."""
