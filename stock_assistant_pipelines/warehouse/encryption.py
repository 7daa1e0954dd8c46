"""What to do about a connection that could not be made safely, by the words of the drivers: libpq has its own, and Python."""

from __future__ import annotations

ADVICE = (
    (
        ("does not match host name", "Hostname mismatch", "IP address mismatch"),
        "POSTGRES_SERVER must be a name that the server's certificate bears",
    ),
    (
        ("certificate verify failed", "CERTIFICATE_VERIFY_FAILED"),
        "POSTGRES_SSLROOTCERT must hold the certificate of the authority that signed the server's",
    ),
    (
        ("no encryption", "SSL off"),
        "the server wants connections encrypted: set POSTGRES_SSLMODE=verify-full and POSTGRES_SSLROOTCERT",
    ),
    (
        ("does not support SSL", "rejected SSL upgrade"),
        "the server does not encrypt, and POSTGRES_SSLMODE asks for it: set ssl = on there",
    ),
)
"""By words that the drivers use; those of a wrong name first, which Python tells as a kind of certificate that fails."""


def advice(told: str) -> str | None:
    """What to do, in one line; None when it is not about encryption."""
    return next((what for words, what in ADVICE if any(word in told for word in words)), None)
