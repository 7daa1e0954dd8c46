-- Pause an interface for everyone. A pause that lasts longer already stays.
update quota
set paused_until = %(until)s, paused_window = %(pause)s, paused_because = %(because)s
where account = %(account)s and api = %(api)s and (paused_until is null or paused_until < %(until)s)
