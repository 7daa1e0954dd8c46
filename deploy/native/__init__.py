"""What docker-compose.yml starts, started without Docker: each service in namespaces of its own, as the file says it.

Needs Linux and root. A service sees the machine's files through an overlay of its own, read-only where Compose says so, with
its secrets, volumes and names in their places, and the networks that it is on, and no other. What images hold beside our own
code is Debian's (`deploy.programs`), and their entrypoints are rebuilt in `deploy.native.images`.
"""
