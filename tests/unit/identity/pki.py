"""Why this exists: tests of identity need CAs, devices and CRLs, with one thing wrong at a time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

AT = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def usage(*, cert: bool = True, crl: bool = True) -> x509.KeyUsage:
    """A CA's key usage."""
    return x509.KeyUsage(True, False, False, False, False, cert, crl, False, False)


def name(text: str) -> x509.Name:
    """CN=text."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    def issue(
        self,
        subject: str,
        *extensions: tuple[x509.ExtensionType, bool],
        ca: bool = False,
        path_length: int | None = None,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
        until: datetime.datetime = AT + 9 * DAY,
        signer: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
        key_usage: x509.KeyUsage | None = None,
    ) -> Holder:
        """A certificate under this one; signer: another key than this one's."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(AT - 9 * DAY)
            .not_valid_after(until)
        )
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(True, path_length), True)
            builder = builder.add_extension(key_usage or usage(), True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return Holder(builder.sign(signer or self.key, hashes.SHA256()), key)

    def crl(
        self,
        *revoked: x509.Certificate,
        until: datetime.datetime = AT + DAY,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.CertificateRevocationList:
        """This CA's CRL."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(AT - DAY)
            .next_update(until)
        )
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(AT - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(signer or self.key, hashes.SHA256())


def root(subject: str = "root") -> Holder:
    """An anchor."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(subject))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT - 9 * DAY)
        .not_valid_after(AT + 9 * DAY)
        .add_extension(x509.BasicConstraints(True, None), True)
    )
    return Holder(builder.sign(key, hashes.SHA256()), key)
