"""Stock Assistant: the pipelines. A trading day walks through `catalog`, `tushare`, `ingest` and `warehouse`, once."""
