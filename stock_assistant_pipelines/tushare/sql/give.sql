-- Give a permit back: it is free again so many seconds from now. One whose lease has run out may be another's by now.
update permit
set free_at = clock_timestamp() + make_interval(secs => %(seconds)s), lease = null
where account = %(account)s and api = %(api)s and slot = %(slot)s and lease = %(lease)s
