"""Language models behind the OpenAI protocol: one question, one answer that keeps to its contract, or an error of a type.

`model` asks (failover, retries where they heal), `stream` makes one call before its deadline, `quirks` and `prices` are what
is known of the providers, as data; `preflight` says before a run what would fail in it. The `ledger` books every call.
"""
