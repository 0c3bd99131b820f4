"""Each refusal of the catalogue, X1 to X9, by an attack that differs from what is accepted in one thing."""

from __future__ import annotations

import contextlib
import dataclasses
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pysec.errors import IdentityError
from pysec.identity import PathPolicy, Validator, load_certificate
from pysec.identity.names import fold
from pysec.identity.policy import read_mappings
from tests.unit.identity import pki
from tests.unit.identity.pki import AT, DAY, Holder

NO_CRLS = PathPolicy(check_revocation=False)


@pytest.fixture(scope="module")
def root() -> Holder:
    return pki.root()


def refusal(validator: Validator, certificate: x509.Certificate, policy: PathPolicy = NO_CRLS) -> str:
    with pytest.raises(IdentityError) as caught:
        validator.validate(certificate, AT, policy)
    assert caught.value.refusal in str(caught.value)
    return caught.value.refusal


def accepts(validator: Validator, certificate: x509.Certificate, policy: PathPolicy = NO_CRLS) -> bool:
    return validator.validate(certificate, AT, policy).certificates[0] == certificate


def test_a_device_without_alternative_names_is_accepted(root: Holder) -> None:
    """RFC 5280 6.1: a path of three; many IDevIDs have no subjectAltName."""
    ca = root.issue("ca", ca=True)
    device = ca.issue("device")
    path = Validator([root.certificate], [ca.certificate]).validate(device.certificate, AT, NO_CRLS)
    assert path.certificates == (device.certificate, ca.certificate, root.certificate)
    assert refusal(Validator([root.certificate]), device.certificate) == "X1"


def test_unknown_issuer_and_bad_signature(root: Holder) -> None:
    """X1, RFC 5280 6.1.3: the right name over another's key, and another's name."""
    other = pki.root()
    assert refusal(Validator([root.certificate]), other.issue("device").certificate) == "X1"
    assert refusal(Validator([root.certificate]), pki.root("x").issue("device").certificate) == "X1"
    device = root.issue("device").certificate
    octets = bytearray(device.public_bytes(Encoding.DER))
    octets[-1] ^= 1
    assert refusal(Validator([root.certificate]), load_certificate(bytes(octets))) == "X1"


def test_time(root: Holder) -> None:
    """X2; without a trusted clock dates are not looked at, by a policy that says so."""
    old = root.issue("device", until=AT - DAY).certificate
    validator = Validator([root.certificate])
    assert refusal(validator, old) == "X2"
    assert accepts(validator, old, dataclasses.replace(NO_CRLS, check_time=False))


def test_who_may_be_a_ca(root: Holder) -> None:
    """X3, RFC 5280 6.1.4: no basicConstraints, a path too long, a key that may not sign certificates."""
    for ca in (
        root.issue("ca"),
        root.issue("ca", (x509.BasicConstraints(False, None), True)),
        root.issue("ca", ca=True, key_usage=pki.usage(cert=False)),
    ):
        assert refusal(Validator([root.certificate], [ca.certificate]), ca.issue("device").certificate) == "X3"
    upper = root.issue("upper", ca=True, path_length=0)
    lower = upper.issue("lower", ca=True)
    validator = Validator([root.certificate], [upper.certificate, lower.certificate])
    assert accepts(validator, upper.issue("device").certificate)
    assert refusal(validator, lower.issue("device").certificate) == "X3"


@pytest.mark.parametrize(
    ("subtree", "inside", "outside"),
    [
        (x509.DNSName("a.example"), x509.DNSName("x.a.example"), x509.DNSName("xa.example")),
        (x509.RFC822Name("a.example"), x509.RFC822Name("m@a.example"), x509.RFC822Name("m@b.a.example")),
        (x509.RFC822Name(".a.example"), x509.RFC822Name("m@b.a.example"), x509.RFC822Name("m@a.example")),
        (
            x509.UniformResourceIdentifier(".a.example"),
            x509.UniformResourceIdentifier("opc.tcp://b.a.example:4840/x"),
            x509.UniformResourceIdentifier("opc.tcp://a.example@b.example/"),
        ),
        (
            x509.IPAddress(ip_network("192.0.2.0/24")),
            x509.IPAddress(ip_address("192.0.2.9")),
            x509.IPAddress(ip_address("198.51.100.9")),
        ),
        (
            x509.DirectoryName(pki.name("DEVICE  ")),
            x509.DirectoryName(pki.name(" device")),
            x509.DirectoryName(pki.name("x")),
        ),
    ],
)
def test_name_constraints(
    root: Holder, subtree: x509.GeneralName, inside: x509.GeneralName, outside: x509.GeneralName
) -> None:
    """X4, RFC 5280 4.2.1.10, RFC 5280 6.1.1: permitted and excluded, for each form of name that is compared."""
    for permitted in (True, False):
        constraints = x509.NameConstraints([subtree] if permitted else None, None if permitted else [subtree])
        ca = root.issue("ca", (constraints, True), ca=True)
        validator = Validator([root.certificate], [ca.certificate])
        good, bad = (inside, outside) if permitted else (outside, inside)
        subject = "device" if permitted or not isinstance(subtree, x509.DirectoryName) else "other"
        assert accepts(validator, ca.issue(subject, (x509.SubjectAlternativeName([good]), False)).certificate)
        assert refusal(validator, ca.issue(subject, (x509.SubjectAlternativeName([bad]), False)).certificate) == "X4"


def test_a_constrained_form_of_name_that_nobody_compares_is_refused(root: Holder) -> None:
    """X4: and a constraint on DNS names with a leading dot, which RFC 5280 4.2.1.10 does not have."""
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), b"\x05\x00")
    for subtree, named in ((other, other), (x509.DNSName(".a.example"), x509.DNSName("x.a.example"))):
        ca = root.issue("ca", (x509.NameConstraints([subtree], None), True), ca=True)
        validator = Validator([root.certificate], [ca.certificate])
        device = ca.issue("device", (x509.SubjectAlternativeName([named]), False)).certificate
        assert refusal(validator, device) == "X4"


def test_unknown_critical_extension(root: Holder) -> None:
    """X5, in the certificate and in its CA's; not critical, it is passed over."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\x05\x00")
    validator = Validator([root.certificate])
    assert refusal(validator, root.issue("device", (unknown, True)).certificate) == "X5"
    assert accepts(validator, root.issue("device", (unknown, False)).certificate)
    ca = root.issue("ca", (unknown, True), ca=True)
    assert refusal(Validator([root.certificate], [ca.certificate]), ca.issue("device").certificate) == "X5"


def test_policy(root: Holder) -> None:
    """X6, RFC 5280 6.1.2, RFC 5280 6.1.5: a policy that is asked for must hold along the whole path."""
    p1, p2 = ("1.3.6.1.4.1.32473.2.1", "1.3.6.1.4.1.32473.2.2")

    def policies(*oids: str) -> tuple[x509.ExtensionType, bool]:
        return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(o), None) for o in oids]), True

    ca = root.issue("ca", policies(p1, p2), ca=True)
    validator = Validator([root.certificate], [ca.certificate])
    asked = dataclasses.replace(NO_CRLS, explicit_policy=True, initial_policies=frozenset((p1,)))
    device = ca.issue("device", policies(p1)).certificate
    assert validator.validate(device, AT, asked).policies == {p1}
    assert refusal(validator, ca.issue("device", policies(p2)).certificate, asked) == "X6"
    assert refusal(validator, ca.issue("device").certificate, asked) == "X6"


@given(st.binary(max_size=64))
def test_policy_mappings_of_any_octets(octets: bytes) -> None:
    """RFC 5280 4.2.1.5: read, or refused as X6; nothing else."""
    mappings = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), octets)
    with contextlib.suppress(IdentityError):
        read = read_mappings(x509.Extensions([x509.Extension(mappings.oid, True, mappings)]))
        assert all(subjects for subjects in read.values())


def test_policy_mappings_are_read() -> None:
    """2.999.1 to 1.3.6, once in the short form of a length and once in the long."""
    pair = bytes.fromhex("3009 0603883701 06022b06".replace(" ", ""))
    want = {"2.999.1": {"1.3.6"}}
    for lead in ("30", "3081"):
        octets = bytes.fromhex(lead) + bytes((len(pair),)) + pair
        mappings = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), octets)
        assert read_mappings(x509.Extensions([x509.Extension(mappings.oid, True, mappings)])) == want


def test_revoked_and_unknown_status(root: Holder) -> None:
    """X7, X8, RFC 5280 6.3, RFC 5280 6.3.3: revoked; no CRL, an old one, one that somebody else signed."""
    ca = root.issue("ca", ca=True)
    device = ca.issue("device").certificate

    def with_crls(*crls: x509.CertificateRevocationList) -> Validator:
        return Validator([root.certificate], [ca.certificate], crls)

    policy = PathPolicy()
    assert accepts(with_crls(root.crl(), ca.crl()), device, policy)
    assert refusal(with_crls(root.crl(), ca.crl(device)), device, policy) == "X7"
    assert refusal(with_crls(root.crl(ca.certificate), ca.crl()), device, policy) == "X7"
    assert refusal(with_crls(ca.crl()), device, policy) == "X8"
    assert refusal(with_crls(root.crl(), ca.crl(until=AT - DAY / 2)), device, policy) == "X8"
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert refusal(with_crls(root.crl(), ca.crl(signer=stranger)), device, policy) == "X8"


def test_one_crl_that_says_revoked_is_enough(root: Holder) -> None:
    """X7, RFC 5280 6.3.3: whichever of two lists comes first, the one that leaves the device out does not hide it."""
    device = root.issue("device").certificate
    for crls in ((root.crl(), root.crl(device)), (root.crl(device), root.crl())):
        assert refusal(Validator([root.certificate], crls=crls), device, PathPolicy()) == "X7"


def test_who_may_sign_a_crl(root: Holder) -> None:
    """X8: a CA whose key usage leaves CRLs out signs them for nothing."""
    ca = root.issue("ca", ca=True, key_usage=pki.usage(crl=False))
    device = ca.issue("device").certificate
    validator = Validator([root.certificate], [ca.certificate], [root.crl(), ca.crl()])
    assert refusal(validator, device, PathPolicy()) == "X8"


def test_weak_keys_and_hashes(root: Holder) -> None:
    """X9: an RSA key of 1024 bits; a hash that is not on the list."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    validator = Validator([root.certificate])
    assert refusal(validator, root.issue("device", key=weak).certificate) == "X9"
    only_384 = dataclasses.replace(NO_CRLS, hashes=frozenset(("sha384",)))
    assert refusal(validator, root.issue("device").certificate, only_384) == "X9"


def test_a_pool_of_cross_certificates_ends(root: Holder) -> None:
    """Twenty CAs that certify each other under one name, none of them up to the anchor: refused, and soon."""
    cas = [pki.root("ca") for _ in range(2)]
    crossed = [a.issue("ca", ca=True, key=b.key).certificate for a in cas for b in cas for _ in range(5)]
    validator = Validator([root.certificate], crossed)
    assert refusal(validator, cas[0].issue("device").certificate) == "X1"


def test_names_are_compared_as_people_read_them() -> None:
    """RFC 5280 7.1: case and white space folded, and nothing else."""
    assert fold(pki.name("Plant  One ")) == fold(pki.name("plant one"))
    assert fold(pki.name("plantone")) != fold(pki.name("plant one"))


@given(st.binary(max_size=200))
def test_a_certificate_of_any_octets(octets: bytes) -> None:
    with pytest.raises(IdentityError):
        load_certificate(octets)


def test_a_certificate_with_any_octet_changed(root: Holder) -> None:
    """No octet of a device's certificate can be changed: refused, and by nothing but IdentityError."""
    validator = Validator([root.certificate])
    octets = root.issue("device").certificate.public_bytes(Encoding.DER)
    for at in range(len(octets)):
        changed = bytes((*octets[:at], octets[at] ^ 0x11, *octets[at + 1 :]))
        with pytest.raises(IdentityError):
            validator.validate(load_certificate(changed), AT, NO_CRLS)
