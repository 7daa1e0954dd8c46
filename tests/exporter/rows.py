"""Rows of ours, as a test writes them: no more than what the exporter reads."""

BOOKED = """
insert into coverage (dataset, partition, status, cause, landed, missing, calls, inserted, updated, deleted, landed_at)
values (%s, %s, %s, %s, 0, %s, %s, 0, 0, 0, now() - %s::interval)
"""
WATCHED = "insert into research_watch (trade_date, ts_code, named_by) values (%s, %s, %s)"
REPORT = """
insert into research_report (id, ts_code, trade_date, name, language, provider, model, prompt_version, status, claims, dropped,
    forward, made_at)
values (%s, %s, %s, 'a', 'zh', 'p', 'm', 'v', %s, %s, %s, true, now() - %s::interval)
"""
CLAIM = """
insert into research_claim (report_id, expert, place, ordinal, kind, direction, template, evidence, spans, held, violations)
values (%s, 'news', %s, 0, 'fact', 'up', '', '{}', '[]', %s, %s)
"""
CALL = """
insert into llm_call (expert, provider, model, rung, request_sha256, request, tokens_in, tokens_out, price_version,
    reserved_cny, cost_cny, started_at, expires_at, attempt, outcome)
values ('news', 'qwen', 'big', 'text', '', '', 1000, 50, '1', 1, %s, %s, now(), 1, %s)
"""
ALERT = """
insert into alert (cause, kind, severity, title, body, datasets, partitions, first_seen, last_seen, telling, cleared_at)
values (%s, 'late', 'critical', '', '', '{}', 0, now(), now(), %s, %s) returning id
"""
