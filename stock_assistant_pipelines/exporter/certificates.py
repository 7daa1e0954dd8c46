"""Certificates: when those expire that servers show, and those that lie in files.

Python's own reading of a certificate wants it to be trusted first. Here it is read whoever signed it: an authority of one's
own is no reason not to be warned. Of its DER (RFC 5280, 4.1) nothing is looked at but the two moments of its validity.
"""

from __future__ import annotations

import re
import ssl
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stock_assistant_pipelines.exporter.addresses import connected, of_each
from stock_assistant_pipelines.exporter.page import Values, gauge
from stock_assistant_pipelines.settings.addresses import host_and_port
from stock_assistant_pipelines.settings.exporter import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.metrics_core import Metric

SSL_REQUEST, WILLING = struct.pack("!II", 8, 80877103), b"S"
"""What PostgreSQL is asked before TLS begins, and what it answers when it has a certificate."""

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

SEQUENCE, VERSION = 0x30, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
FORMS = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
LONG = 0x80
"""From this value on a length stands in the bytes that follow."""


class UnreadableCertificate(ValueError):
    """What a server shows, or a file holds, is no certificate."""


def read(places: Sequence[str]) -> Sequence[Metric]:
    """When the certificates of these servers and files expire; of one that cannot be read, nothing but that."""
    ends = of_each(_end, places)
    at: Values = {(place,): end.timestamp() for place, end in ends.items() if end}
    readable: Values = {(place,): float(end is not None) for place, end in ends.items()}
    return [
        gauge("certificate_expiry_timestamp_seconds", "When the certificate of a server or file expires.", at, "place"),
        gauge("certificate_readable", "1: the server showed it, or the file holds it.", readable, "place"),
    ]


def _end(place: str) -> datetime | None:
    try:
        return in_file(Path(place)) if place.startswith("/") else shown(place)
    except (OSError, UnreadableCertificate):
        return None


def in_file(path: Path) -> datetime:
    """When the first of the certificates in a PEM file expires. Raises OSError, or UnreadableCertificate without one."""
    found = PEM.findall(path.read_text(encoding="ascii", errors="replace"))
    if not found:
        raise UnreadableCertificate("the file holds no certificate")
    try:
        return min(not_after(ssl.PEM_cert_to_DER_cert(each)) for each in found)
    except ValueError as error:
        raise UnreadableCertificate("what the file holds is no certificate") from error


def shown(address: str) -> datetime:
    """When the certificate expires that is shown there. Raises OSError where nobody shows one, or UnreadableCertificate."""
    server = address.removeprefix(POSTGRESQL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent, and it is not asked who it is
    with connected(server) as plain:
        if address.startswith(POSTGRESQL):
            plain.sendall(SSL_REQUEST)
            if plain.recv(1) != WILLING:
                raise ConnectionRefusedError("the server has no certificate")
        with context.wrap_socket(plain, server_hostname=host_and_port(server)[0]) as secure:
            certificate = secure.getpeercert(binary_form=True)
            if address.startswith(POSTGRESQL):
                with suppress(OSError):  # a farewell, without which PostgreSQL logs that it lost somebody
                    secure.unwrap()
    return not_after(certificate or b"")


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
