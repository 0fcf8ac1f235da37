"""The hub's own certificate: made once, and known by its fingerprint rather than by an authority.

Whoever joins has the fingerprint from the invite, so that a first visit is as safe as any other.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from intentos.types import now

FINGERPRINT = r"^[0-9a-f]{64}$"
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME, which the standard library has no name for."""


def certificate(folder: Path, hosts: Sequence[str]) -> tuple[Path, Path]:
    """Return the files of the certificate and its key, both PEM, made where there are none.

    ``hosts``: names and addresses that the hub is reached by.
    """
    paths = folder / "certificate.pem", folder / "certificate.key"
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        made = _make(hosts)
        for path, data in zip(paths, made, strict=True):
            temporary = path.with_name(f".{path.name}")
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                out.write(data)
            os.replace(temporary, path)
    return paths


def fingerprint(pem: str) -> str:
    """Return the sha256 of a PEM certificate's DER bytes; raises ValueError where it is none."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def trusting(pem: str) -> ssl.SSLContext:
    """Return a context that talks to the owner of this one certificate and to nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Its addresses change with every network; that it is this very certificate is what counts.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # Nor is it anybody's business when: a machine whose clock has stopped joins all the same.
    context.verify_flags |= NO_CHECK_TIME
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=pem)
    return context


def serving(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the hub's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def words(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: the first 16 digits in fours."""
    return " ".join(re.findall("....", fingerprint[:16]))


def _make(hosts: Sequence[str]) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "IntentOS hub")])
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1"]):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A neighbour's clock may be behind ours.
        .not_valid_before(now() - timedelta(days=2))
        .not_valid_after(now() + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
