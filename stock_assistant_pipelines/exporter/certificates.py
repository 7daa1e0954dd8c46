"""Certificates: when the one that a server shows expires.

Python's own reading of a certificate wants it to be trusted first. Here it is read whoever signed it: an authority of one's
own is no reason not to be warned. Of its DER (RFC 5280, 4.1) nothing is looked at but the two moments of its validity.
"""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

SEQUENCE, VERSION = 0x30, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
FORMS = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
LONG = 0x80
"""From this value on a length stands in the bytes that follow."""


class UnreadableCertificate(ValueError):
    """What a server shows is no certificate."""


def expires(host: str, port: int, seconds: float) -> datetime:
    """When the certificate expires that is shown there. Raises OSError where nobody shows one, or UnreadableCertificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent, and it is not asked who it is
    with (
        socket.create_connection((host, port), timeout=seconds) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    return not_after(shown or b"")


def not_after(der: bytes) -> datetime:
    """The end of a certificate's validity. Raises UnreadableCertificate."""
    try:
        to_be_signed = _content(_content(der, SEQUENCE)[0], SEQUENCE)[0]
        tag, _, rest = _element(to_be_signed)
        if tag == VERSION:
            _, _, rest = _element(rest)  # the serial number
        for _ in ("algorithm", "issuer"):
            _, _, rest = _element(rest)
        validity, _ = _content(rest, SEQUENCE)
        _, _, end = _element(validity)
        tag, moment, _ = _element(end)
        return datetime.strptime(moment.decode("ascii"), FORMS[tag]).replace(tzinfo=UTC)
    except (IndexError, KeyError, ValueError) as error:
        raise UnreadableCertificate("it is not a certificate") from error


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the content of the first element, and what follows it."""
    tag, length, start = data[0], data[1], 2
    if length >= LONG:
        start += length - LONG
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        raise ValueError("it ends too early")
    return tag, data[start : start + length], data[start + length :]


def _content(data: bytes, wanted: int) -> tuple[bytes, bytes]:
    tag, content, rest = _element(data)
    if tag != wanted:
        raise ValueError(f"tag {tag} where {wanted} is due")
    return content, rest
