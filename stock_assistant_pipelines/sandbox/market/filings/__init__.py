"""What the synthetic companies file: statements that tie, what is told around them, and when each of it becomes known.

`periods` numbers the quarters, `payouts` says what ex-dates pay, `timetable` when who files and what goes wrong with it,
`ledger` the figures that hang together over the years. `statements` spreads them over Tushare's columns by the tables in
`accounts`, `versions` says which rows a report consists of by a given day, and `rows`, `notices`, `dividends` and `segments`
write them. `source` answers queries about all of it.
"""
