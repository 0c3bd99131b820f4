"""Why this exists: two names that people read as one must compare as one, and a CA may name only what it was given.

Names are compared by RFC 5280 7.1 (case and white space folded), constraints by RFC 5280 4.2.1.10. A form of name that
is constrained and that we cannot compare is refused, whether the constraint is critical or not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from pysec.errors import IdentityError

Folded = tuple[frozenset[tuple[str, str | bytes]], ...]
REFUSED: Final = "X4"


def _folded_value(value: str | bytes) -> str | bytes:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value


def fold_rdn(rdn: x509.RelativeDistinguishedName) -> frozenset[tuple[str, str | bytes]]:
    """One relative name, ready to compare (RFC 5280 7.1)."""
    return frozenset((a.oid.dotted_string, _folded_value(a.value)) for a in rdn)


def fold(name: x509.Name) -> Folded:
    """A distinguished name, ready to compare (RFC 5280 7.1)."""
    return tuple(fold_rdn(rdn) for rdn in name.rdns)


def fold_general(name: x509.GeneralName) -> object:
    """A general name, ready to compare."""
    return fold(name.value) if isinstance(name, x509.DirectoryName) else name


def _in_domain(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def _within_uri(uri: str, constraint: str) -> bool:
    host = (urlsplit(uri).hostname or "").lower()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        raise IdentityError(REFUSED, f"the URI {uri[:80]!r} is constrained and names no domain")
    if not host:
        raise IdentityError(REFUSED, f"the URI {uri[:80]!r} is constrained and names no host")
    return host.endswith(constraint) if constraint.startswith(".") else host == constraint


def _within_mail(address: str, constraint: str) -> bool:
    local, _, host = address.rpartition("@")
    if "@" in constraint:
        wanted_local, _, wanted_host = constraint.rpartition("@")
        return local == wanted_local and host.lower() == wanted_host.lower()
    wanted = constraint.lower()
    return host.lower().endswith(wanted) if wanted.startswith(".") else host.lower() == wanted


def _within(name: x509.GeneralName, subtree: x509.GeneralName) -> bool:
    """Whether a name lies in a subtree of its own form (RFC 5280 4.2.1.10; IdentityError if nobody can say)."""
    match name, subtree:
        case x509.DirectoryName(), x509.DirectoryName():
            inner, outer = fold(name.value), fold(subtree.value)
            return inner[: len(outer)] == outer
        case x509.DNSName(), x509.DNSName():
            wanted = subtree.value.lower()
            if wanted.startswith("."):
                raise IdentityError(REFUSED, "a constraint on DNS names begins with a dot, which means nothing there")
            return not wanted or _in_domain(name.value.lower(), wanted)
        case x509.RFC822Name(), x509.RFC822Name():
            return _within_mail(name.value, subtree.value)
        case x509.UniformResourceIdentifier(), x509.UniformResourceIdentifier():
            return _within_uri(name.value, subtree.value.lower())
        case x509.IPAddress(), x509.IPAddress():
            network, address = subtree.value, name.value
            if isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and isinstance(
                address, ipaddress.IPv4Address | ipaddress.IPv6Address
            ):
                return address.version == network.version and address in network
            raise IdentityError(REFUSED, "an address is constrained by what is no network")
        case _:
            raise IdentityError(REFUSED, f"names of the form {type(name).__name__} are constrained and not compared")


def names_of(certificate: x509.Certificate, san: x509.SubjectAlternativeName | None) -> list[x509.GeneralName]:
    """All names that constraints apply to, electronic mail addresses in the subject among them."""
    names: list[x509.GeneralName] = [x509.DirectoryName(certificate.subject)] if certificate.subject.rdns else []
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        names.append(x509.RFC822Name(str(attribute.value)))
    return names + list(san or ())


@dataclass
class Constraints:
    """What the CAs of a path so far allow to be named (RFC 5280 6.1.1, 6.1.4 g)."""

    permitted: list[Sequence[x509.GeneralName]] = field(default_factory=list)
    """One entry for each certificate that permits something; a name must lie within each that knows its form."""
    excluded: list[x509.GeneralName] = field(default_factory=list)

    def add(self, extension: x509.NameConstraints) -> None:
        """Take over the constraints of a CA's certificate."""
        if extension.permitted_subtrees is not None:
            self.permitted.append(tuple(extension.permitted_subtrees))
        self.excluded += extension.excluded_subtrees or ()

    def check(self, names: Sequence[x509.GeneralName]) -> None:
        """Refuse names that lie outside (RFC 5280 6.1.3 b, c; IdentityError)."""
        for name in names:
            for subtree in self.excluded:
                if type(subtree) is type(name) and _within(name, subtree):
                    raise IdentityError(REFUSED, f"a CA of the path excludes the name {name.value!s:.80}")
            for subtrees in self.permitted:
                same_form = [subtree for subtree in subtrees if type(subtree) is type(name)]
                if same_form and not any(_within(name, subtree) for subtree in same_form):
                    raise IdentityError(REFUSED, f"no CA of the path permits the name {name.value!s:.80}")
