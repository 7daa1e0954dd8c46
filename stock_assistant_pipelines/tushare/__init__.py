"""Tushare: how it is asked, politely; what its answers mean; how they become typed rows."""
