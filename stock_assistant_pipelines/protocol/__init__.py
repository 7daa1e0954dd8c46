"""Tushare's protocol as a server speaks it: interfaces, parameters, order of rows, refusals. The sandbox and the API do."""
