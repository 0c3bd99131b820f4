"""Why this exists: "signed by somebody we trust" is a page of rules, and a TLS library keeps only some of them.

`Validator` holds anchors, other certificates and CRLs. It looks for a path from a certificate up to an anchor, tries
each until one holds by RFC 5280 6.1, and says of a certificate without one why it is refused: X1 to X9, as
docs/CONFORMANCE.md lists them. Nothing is fetched from anywhere. A certificate needs no subjectAltName here, since many
devices' have none; whether it is the one that was expected is another question.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from pysec.errors import IdentityError
from pysec.identity import revocation
from pysec.identity.certificate import check_signature, extension, read_extensions, show
from pysec.identity.names import Constraints, Folded, fold, names_of
from pysec.identity.policy import ANY, MAPPINGS_OID, PolicyTree, read_mappings

_MAX_PATH: Final = 12
"""Certificates of a path, anchor included; more is somebody's game."""
_MAX_STEPS: Final = 2000
"""Issuers looked at for one certificate, so that a pool of cross-certificates does not become a day's work."""
_MIN_RSA_BITS: Final = 2048
_UNDERSTOOD: Final = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.NameConstraints,
    x509.CertificatePolicies,
    x509.PolicyConstraints,
    x509.InhibitAnyPolicy,
    x509.SubjectAlternativeName,
    x509.CRLDistributionPoints,
)


@dataclass(frozen=True)
class PathPolicy:
    """What is asked of a path. The defaults are for devices; conformance suites need others."""

    initial_policies: frozenset[str] = frozenset((ANY,))
    """user-initial-policy-set, dotted OIDs (RFC 5280 6.1.1 c)."""
    explicit_policy: bool = False
    """initial-explicit-policy (RFC 5280 6.1.1 f)."""
    inhibit_mapping: bool = False
    """initial-policy-mapping-inhibit (RFC 5280 6.1.1 e)."""
    inhibit_any: bool = False
    """initial-any-policy-inhibit (RFC 5280 6.1.1 g)."""
    check_revocation: bool = True
    """Refuse what no valid CRL speaks for; without it, nothing is asked of CRLs."""
    check_time: bool = True
    """Whether the clock is trusted; without it dates of certificates are not looked at."""
    hashes: frozenset[str] = frozenset(("sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"))
    """What a signature may be made over; an anchor's own is not looked at."""


@dataclass(frozen=True)
class Path:
    """A path that holds: the certificate first, then its CAs, the anchor last."""

    certificates: tuple[x509.Certificate, ...]
    policies: frozenset[str]
    """The dotted OIDs of the policies that hold along the path; may be empty where none is required."""


class Validator:
    """Finds and validates paths (RFC 5280 6.1). What it holds is public; it keeps no state between calls."""

    def __init__(
        self,
        anchors: Iterable[x509.Certificate],
        others: Iterable[x509.Certificate] = (),
        crls: Iterable[x509.CertificateRevocationList] = (),
    ) -> None:
        """anchors: trusted by their name and key alone. others: may stand between; nobody trusts them."""
        self.anchors = tuple(anchors)
        self.crls = revocation.Crls(crls)
        self._issuers: dict[Folded, list[x509.Certificate]] = defaultdict(list)
        for certificate in (*self.anchors, *others):
            known = self._issuers[fold(certificate.subject)]
            if certificate not in known:
                known.append(certificate)

    def validate(self, certificate: x509.Certificate, at: datetime.datetime, policy: PathPolicy | None = None) -> Path:
        """The first path that holds at a time (with its zone; IdentityError, that of the path that came furthest)."""
        return self.validate_within(certificate, at, policy or PathPolicy(), self.anchors, frozenset())

    def named(self, name: Folded) -> list[x509.Certificate]:
        """The certificates of a subject."""
        return self._issuers.get(name, [])

    def validate_within(
        self,
        certificate: x509.Certificate,
        at: datetime.datetime,
        policy: PathPolicy,
        anchors: tuple[x509.Certificate, ...],
        under_way: frozenset[x509.Certificate],
    ) -> Path:
        """As validate, to these anchors; under_way: certificates whose own status is being asked for."""
        reason = IdentityError("X1", f"no issuer of {show(certificate.subject)} is known up to an anchor")
        for path in self._paths((certificate,), anchors, [_MAX_STEPS]):
            try:
                return self._check(path, at, policy, under_way)
            except IdentityError as error:
                if reason.refusal == "X1":
                    reason = error
        raise reason

    def _paths(
        self, below: tuple[x509.Certificate, ...], anchors: tuple[x509.Certificate, ...], steps_left: list[int]
    ) -> Iterator[tuple[x509.Certificate, ...]]:
        """Every chain of names from a certificate to an anchor, without a certificate twice; anchors first."""
        last = below[-1]
        if last in anchors:
            yield below
            return
        if len(below) >= _MAX_PATH:
            return
        above = self.named(fold(last.issuer))
        for issuer in sorted(above, key=lambda c: c not in anchors):
            if issuer not in below and steps_left[0] > 0:
                steps_left[0] -= 1
                yield from self._paths((*below, issuer), anchors, steps_left)

    def _check(
        self,
        path: tuple[x509.Certificate, ...],
        at: datetime.datetime,
        policy: PathPolicy,
        under_way: frozenset[x509.Certificate],
    ) -> Path:
        """RFC 5280 6.1.3 to 6.1.5 for one path."""
        *below, anchor = path
        tree = PolicyTree(
            len(below),
            explicit=policy.explicit_policy,
            inhibit_mapping=policy.inhibit_mapping,
            inhibit_any=policy.inhibit_any,
        )
        constraints, max_length, issuer = Constraints(), len(below), anchor
        _strong_key(anchor)
        held = frozenset[str]()
        for certificate in reversed(below):
            is_last = certificate is path[0]
            extensions = read_extensions(certificate)
            self_issued = fold(certificate.subject) == fold(certificate.issuer)
            _basic(certificate, issuer, at, policy)
            if not self_issued or is_last:
                constraints.check(names_of(certificate, extension(extensions, x509.SubjectAlternativeName)))
            policies = extension(extensions, x509.CertificatePolicies)
            listed = None if policies is None else {p.policy_identifier.dotted_string for p in policies}
            tree.enter(listed, take_any=self_issued and not is_last)
            _critical(certificate, extensions)
            if is_last:
                held = tree.finish(extension(extensions, x509.PolicyConstraints), policy.initial_policies)
            else:
                tree.map(read_mappings(extensions))
                if (named := extension(extensions, x509.NameConstraints)) is not None:
                    constraints.add(named)
                tree.leave(self_issued=self_issued)
                any_policy = extension(extensions, x509.InhibitAnyPolicy)
                tree.constrain(
                    extension(extensions, x509.PolicyConstraints),
                    None if any_policy is None else any_policy.skip_certs,
                )
                max_length = _ca(certificate, extensions, max_length, self_issued)
            issuer = certificate
        if policy.check_revocation:
            asking = revocation.Asking(self, anchor, at, policy, under_way)
            # From the anchor down: a CA that is revoked is the reason, not that its CRL is then worth nothing.
            for i in reversed(range(len(below))):
                revocation.check(asking, below[i], path[i + 1])
        return Path(path, held)


def _strong_key(certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise IdentityError("X9", f"the key of {show(certificate.subject)} cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise IdentityError("X9", f"the RSA key of {show(certificate.subject)} has {key.key_size} bits")


def _basic(certificate: x509.Certificate, issuer: x509.Certificate, at: datetime.datetime, policy: PathPolicy) -> None:
    """Signature, algorithm, dates and name chaining (RFC 5280 6.1.3 a)."""
    who = show(certificate.subject)
    if fold(certificate.issuer) != fold(issuer.subject):
        raise IdentityError("X1", f"{who} is not issued by {show(issuer.subject)}")
    _strong_key(certificate)
    try:
        signed_hash = certificate.signature_hash_algorithm
        padding = certificate.signature_algorithm_parameters
    except (ValueError, UnsupportedAlgorithm):
        raise IdentityError("X9", f"the signature of {who} is of an unknown kind") from None
    if signed_hash is not None and signed_hash.name not in policy.hashes:
        raise IdentityError("X9", f"the signature of {who} is over {signed_hash.name}, which is not allowed")
    check_signature(issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes, signed_hash, padding)
    if policy.check_time and not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        dates = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise IdentityError("X2", f"{who} is valid from {dates}, and it is {at:%Y-%m-%d}")


def _critical(certificate: x509.Certificate, extensions: x509.Extensions) -> None:
    """Refuse critical extensions that nobody here obeys (RFC 5280 6.1.4 o, 6.1.5 f)."""
    for found in extensions:
        known = isinstance(found.value, _UNDERSTOOD) or found.oid.dotted_string == MAPPINGS_OID
        if found.critical and not known:
            oid = found.oid.dotted_string
            raise IdentityError("X5", f"{show(certificate.subject)} has the unknown critical extension {oid}")


def _ca(certificate: x509.Certificate, extensions: x509.Extensions, max_length: int, self_issued: bool) -> int:
    """What makes a certificate a CA's, and how many may follow it (RFC 5280 6.1.4 k to n)."""
    who = show(certificate.subject)
    basic, usage = extension(extensions, x509.BasicConstraints), extension(extensions, x509.KeyUsage)
    if basic is None or not basic.ca:
        raise IdentityError("X3", f"{who} is no CA")
    if not self_issued:
        if max_length <= 0:
            raise IdentityError("X3", f"the path below a CA is longer than that CA allows, at {who}")
        max_length -= 1
    if basic.path_length is not None:
        max_length = min(max_length, basic.path_length)
    if usage is not None and not usage.key_cert_sign:
        raise IdentityError("X3", f"the key of {who} may not sign certificates")
    return max_length
