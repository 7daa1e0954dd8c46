"""Bocha's web search on loopback: invented pages about whatever company is asked for. For the demo and tests.

A call walks through `service` (what is refused, and how it is said) and `faults` (misbehaviour on request) to `pages`, which
invents the news of a company day by day. All of it says that it is invented.
"""
