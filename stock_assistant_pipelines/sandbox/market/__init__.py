"""A synthetic market: any stock, any day since 1990, made on the spot and always the same for one seed.

`noise` is chance that can be looked up, `sessions` the calendar, `listing` the universe, `events` what interrupts a stock,
`prices` its bars, `companies` who it is, `filings` what it reports; `valuation` brings price and report together. `days` and
`snapshots` turn them into Tushare's rows, `source` serves them.
"""
