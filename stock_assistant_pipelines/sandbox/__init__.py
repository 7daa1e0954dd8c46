"""Tushare's HTTP protocol on loopback: a synthetic market, or a folder of CSV files. For the demo, tests and benchmarks.

A call walks through `app` (the protocol), `quota`, `faults` (misbehaviour on request) and `answer` (paging) to a source:
`market` or `folder`. Every answer says in a header that it comes from here. Of our own code only the catalog is known.
"""
