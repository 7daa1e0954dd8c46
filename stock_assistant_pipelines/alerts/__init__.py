"""Alerts: what is wrong now, one alert per cause, kept in the database until every channel has accepted it.

`delivery.deliver` does all of it: it looks (`standing`, `causes`), keeps the table in step (`outbox`), and tells (`channels`).
"""
