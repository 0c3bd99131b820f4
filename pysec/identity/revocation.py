"""Why this exists: a certificate that was true yesterday may be taken back today, and who says so must have the right.

CRLs by RFC 5280 6.3: complete and delta, divided by distribution point, reason or kind of certificate, and issued by
somebody else (indirect). All that are at hand are asked, and one that says "revoked" is enough (X7). The status of a
certificate is known only when CRLs for all reasons spoke for it; otherwise it is refused too (X8).
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ReasonFlags

from pysec.errors import IdentityError
from pysec.identity.certificate import check_signature, extension, read_extensions, show
from pysec.identity.names import Folded, fold, fold_general, fold_rdn

if TYPE_CHECKING:
    from pysec.identity.path import PathPolicy, Validator

_ALL: Final = frozenset(ReasonFlags) - {ReasonFlags.unspecified, ReasonFlags.remove_from_crl}
_UNDERSTOOD: Final = (
    x509.IssuingDistributionPoint,
    x509.DeltaCRLIndicator,
    x509.CRLNumber,
    x509.AuthorityKeyIdentifier,
)
_ENTRY_UNDERSTOOD: Final = (x509.CertificateIssuer, x509.CRLReason)


class Crl:
    """A CRL with what is asked of it again and again; one that cannot be read whole is refused (IdentityError)."""

    def __init__(self, crl: x509.CertificateRevocationList) -> None:
        self.crl = crl
        self.issuer: Final = fold(crl.issuer)
        try:
            extensions = crl.extensions
            for found in extensions:
                if found.critical and not isinstance(found.value, _UNDERSTOOD):
                    raise IdentityError("X8", f"a CRL has the unknown critical extension {found.oid.dotted_string}")
            self.entries: Final = dict(self._entries())
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise IdentityError("X8", "a CRL cannot be read") from None
        self.number = self._number(extensions, x509.CRLNumber)
        self.base = self._number(extensions, x509.DeltaCRLIndicator)
        self.idp: x509.IssuingDistributionPoint | None = None
        self.authority: x509.AuthorityKeyIdentifier | None = None
        for found in extensions:
            if isinstance(found.value, x509.IssuingDistributionPoint):
                self.idp = found.value
            elif isinstance(found.value, x509.AuthorityKeyIdentifier):
                self.authority = found.value

    @staticmethod
    def _number(extensions: x509.Extensions, kind: type[x509.CRLNumber | x509.DeltaCRLIndicator]) -> int | None:
        for found in extensions:
            if isinstance(found.value, kind):
                return found.value.crl_number
        return None

    def _entries(self) -> Iterator[tuple[tuple[Folded, int], x509.ReasonFlags]]:
        """Whose certificates are revoked: an entry's issuer holds until another is named (RFC 5280 5.3.3)."""
        issuer = self.issuer
        for entry in self.crl:
            reason = ReasonFlags.unspecified
            for found in entry.extensions:
                if isinstance(found.value, x509.CertificateIssuer):
                    names = [n for n in found.value if isinstance(n, x509.DirectoryName)]
                    if len(names) != 1:
                        raise IdentityError("X8", "a CRL names no issuer, or several, for one certificate")
                    issuer = fold(names[0].value)
                elif isinstance(found.value, x509.CRLReason):
                    reason = found.value.reason
                elif found.critical and not isinstance(found.value, _ENTRY_UNDERSTOOD):
                    raise IdentityError("X8", "an entry of a CRL has an unknown critical extension")
            yield (issuer, entry.serial_number), reason

    def is_current(self, at: datetime.datetime) -> bool:
        """Whether it was issued and is not out of date; one that never says so is out of date."""
        until = self.crl.next_update_utc
        return self.crl.last_update_utc <= at and until is not None and at <= until


class Crls:
    """CRLs by their issuer; those that cannot be read are left out, and so speak for nobody."""

    def __init__(self, crls: Iterable[x509.CertificateRevocationList]) -> None:
        self._by_issuer: dict[Folded, list[Crl]] = defaultdict(list)
        for crl in crls:
            try:
                readable = Crl(crl)
            except IdentityError:
                # A list that is damaged must not open a port: its certificates have no status, and X8 follows.
                continue
            self._by_issuer[readable.issuer].append(readable)

    def of(self, issuer: Folded) -> list[Crl]:
        """The CRLs of an issuer."""
        return self._by_issuer.get(issuer, [])


@dataclass(frozen=True)
class Asking:
    """For whom, and when, the status of a certificate is asked."""

    validator: Validator
    anchor: x509.Certificate
    at: datetime.datetime
    policy: PathPolicy
    under_way: frozenset[x509.Certificate]
    """Certificates whose own status is being asked for, further out."""


def check(asking: Asking, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Refuse a certificate that is revoked, or of which nobody can say (RFC 5280 6.3.3; IdentityError)."""
    validator, at = asking.validator, asking.at
    if certificate in asking.under_way:
        return  # a CRL speaks for its own signer (RFC 5280 leaves it open); the entry is looked at further out
    asking = replace(asking, under_way=asking.under_way | {certificate})
    extensions = read_extensions(certificate)
    points = extension(extensions, x509.CRLDistributionPoints)
    default = x509.DistributionPoint([x509.DirectoryName(certificate.issuer)], None, None, None)
    basic = extension(extensions, x509.BasicConstraints)
    is_ca = basic is not None and basic.ca
    seen = set[ReasonFlags]()
    for point in (*(points or ()), default):
        for complete in _crls_of(validator, point, certificate):
            if complete.base is not None or not _in_scope(complete, point, is_ca):
                continue
            if not complete.is_current(at):
                continue
            if not _is_signed(asking, complete):
                continue
            deltas = [
                delta
                for delta in validator.crls.of(complete.issuer)
                if _belongs(delta, complete) and delta.is_current(at) and _is_signed(asking, delta)
            ]
            key = fold(certificate.issuer), certificate.serial_number
            reason = complete.entries.get(key)
            if deltas:
                newest = max(deltas, key=lambda delta: delta.number or 0)
                reason = newest.entries.get(key, reason)
            if reason is not None and reason is not ReasonFlags.remove_from_crl:
                raise IdentityError("X7", f"{show(certificate.subject)} is revoked: {reason.value}")
            seen |= _reasons(complete, point)
    if seen >= _ALL:
        return
    who, by = show(certificate.subject), show(issuer.subject)
    raise IdentityError("X8", f"no CRL at hand says for certain whether {who}, issued by {by}, is revoked")


def _crls_of(validator: Validator, point: x509.DistributionPoint, certificate: x509.Certificate) -> list[Crl]:
    """The CRLs of whoever speaks at a distribution point (RFC 5280 6.3.3 b 1)."""
    if point.crl_issuer is None:
        return validator.crls.of(fold(certificate.issuer))
    issuers = [fold(name.value) for name in point.crl_issuer if isinstance(name, x509.DirectoryName)]
    return [
        crl for issuer in issuers for crl in validator.crls.of(issuer) if crl.idp is not None and crl.idp.indirect_crl
    ]


def _point_names(
    full: Iterable[x509.GeneralName] | None, relative: x509.RelativeDistinguishedName | None, issuers: list[Folded]
) -> set[object] | None:
    if full is not None:
        return {fold_general(name) for name in full}
    if relative is not None:
        return {(*issuer, fold_rdn(relative)) for issuer in issuers}
    return None


def _in_scope(crl: Crl, point: x509.DistributionPoint, is_ca: bool) -> bool:
    """Whether a CRL speaks for a certificate at its distribution point (RFC 5280 6.3.3 b 2)."""
    idp = crl.idp
    if idp is None:
        return True
    if idp.only_contains_attribute_certs or (idp.only_contains_user_certs and is_ca):
        return False
    if idp.only_contains_ca_certs and not is_ca:
        return False
    theirs = _point_names(idp.full_name, idp.relative_name, [crl.issuer])
    if theirs is None:
        return True
    ours = _point_names(point.full_name, point.relative_name, [crl.issuer])
    if ours is None:
        ours = {fold_general(name) for name in point.crl_issuer or ()}
    return bool(theirs & ours)


def _reasons(crl: Crl, point: x509.DistributionPoint) -> frozenset[ReasonFlags]:
    """The reasons that a CRL speaks for at a distribution point (RFC 5280 6.3.3 d)."""
    covers = _ALL if point.reasons is None else _ALL & point.reasons
    if crl.idp is not None and crl.idp.only_some_reasons is not None:
        covers &= crl.idp.only_some_reasons
    return frozenset(covers)


def _belongs(delta: Crl, complete: Crl) -> bool:
    """Whether a delta CRL brings this complete one up to date (RFC 5280 5.2.4, 6.3.3 c)."""
    if delta.base is None or delta.number is None or complete.number is None:
        return False
    same = delta.idp == complete.idp and delta.authority == complete.authority
    return same and delta.base <= complete.number <= delta.number


def _is_signed(asking: Asking, crl: Crl) -> bool:
    """Whether one who may sign it did, with a path of his own to the same anchor (RFC 5280 6.3.3 f, g)."""
    policy, anchor = asking.policy, asking.anchor
    # Policies are asked of the certificate in question; its CRL's signer may have others.
    own = replace(policy, initial_policies=type(policy)().initial_policies, explicit_policy=False)
    for signer in asking.validator.named(crl.issuer):
        try:
            usage = extension(read_extensions(signer), x509.KeyUsage)
            if usage is not None and not usage.crl_sign:
                continue
            algorithm = crl.crl.signature_hash_algorithm
            if algorithm is not None and algorithm.name not in policy.hashes:
                continue
            parameters = crl.crl.signature_algorithm_parameters
            check_signature(signer.public_key(), crl.crl.signature, crl.crl.tbs_certlist_bytes, algorithm, parameters)
            if signer != anchor:
                asking.validator.validate_within(signer, asking.at, own, (anchor,), asking.under_way)
        except (IdentityError, ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False
