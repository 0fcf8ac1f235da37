"""The guests' door: a class on the same network sees what the owner shows, and no more.

It speaks https, because a browser gives pages from another machine no GPU otherwise; its
certificate is made here and signed by nobody else, so that each guest's browser asks once.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from intentos.config import Settings

DAYS = 365
RENEW_DAYS = 7


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def addresses() -> list[str]:
    """Return this machine's addresses on its networks, the one that leads out first."""
    found: list[str] = []
    # No packet is sent: a datagram socket only picks the interface.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return [a for a in found if not ipaddress.ip_address(a).is_loopback] or ["127.0.0.1"]


def certificate(settings: Settings) -> Certificate:
    """Return the certificate of this machine, made anew when it is about to expire or when the
    machine has other addresses."""
    from cryptography import x509

    folder = settings.home / "guests"
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    names = sorted({*addresses(), "127.0.0.1"})
    try:
        there = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        alternatives = there.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        known = sorted(str(a) for a in alternatives.value.get_values_for_type(x509.IPAddress))
        left = there.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        if known == names and left.days > RENEW_DAYS and files.key.exists():
            return files
    except (OSError, ValueError, x509.ExtensionNotFound):
        pass
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make(files, names)
    return files


def _make(files: Certificate, names: list[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "IntentOS")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(n)) for n in names]
    alternatives.append(x509.DNSName("localhost"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(files.key, private)
    _write(files.certificate, made.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(temporary, path)
