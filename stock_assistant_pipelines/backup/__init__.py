"""Backups: dumps with what they hold, base backups with all WAL since, and the way back from both.

PostgreSQL's own programs do the work (`programs`), age encrypts what they write (`sealing`), a directory keeps it (`store`).
docs/backup.md says how to live with it, docs/decisions/0013-backups.md why it is so.
"""
