"""Why this exists: a certificate is read, its extensions asked for and a signature verified in one way everywhere.

Whatever a peer or a file holds ends here as a value or as an IdentityError; `cryptography` reads parts of a certificate
only when they are asked for, and raises half a dozen kinds of exception at that moment.
"""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from pysec.errors import IdentityError

E_ = TypeVar("E_", bound=x509.ExtensionType)


def extension(extensions: x509.Extensions, kind: type[E_]) -> E_ | None:
    """The value of an extension, or None."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def read_extensions(certificate: x509.Certificate) -> x509.Extensions:
    """The extensions of a certificate; what cannot be read is refused (IdentityError)."""
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise IdentityError("X5", f"the extensions of {show(certificate.subject)} cannot be read: {error}") from None


def load_certificate(data: bytes) -> x509.Certificate:
    """Read a certificate from DER, whole and with a key that can be used (IdentityError)."""
    try:
        certificate = x509.load_der_x509_certificate(data)
        certificate.public_key()
        _ = (certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise IdentityError("X1", "what should be a certificate cannot be read, or its key cannot") from None
    read_extensions(certificate)
    return certificate


def show(name: x509.Name) -> str:
    """A name for a message: bounded, and in printable characters."""
    return ascii(name.rfc4514_string())[1:-1][:120] or "an empty name"


def check_signature(
    public_key: CertificatePublicKeyTypes,
    signature: bytes,
    signed: bytes,
    signed_hash: hashes.HashAlgorithm | None,
    parameters: PKCS1v15 | PSS | ec.ECDSA | None,
) -> None:
    """Verify one signature (IdentityError X1)."""
    try:
        match public_key:
            case rsa.RSAPublicKey() if signed_hash is not None and isinstance(parameters, PKCS1v15 | PSS):
                public_key.verify(signature, signed, parameters, signed_hash)
            case ec.EllipticCurvePublicKey() if isinstance(parameters, ec.ECDSA):
                public_key.verify(signature, signed, parameters)
            case dsa.DSAPublicKey() if signed_hash is not None:
                public_key.verify(signature, signed, signed_hash)
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey() if signed_hash is None:
                public_key.verify(signature, signed)
            case _:
                raise IdentityError("X9", "the issuer's key is of another kind than the signature, or not supported")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        raise IdentityError("X1", "the signature is not the issuer's") from None
