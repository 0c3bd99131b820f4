"""Why this exists: NIST's suite of certification paths has found the hole in more validators than any review has.

`pysec conformance pkits` judges each end entity of PKITS whose file name gives a plain verdict, Valid or Invalid, with
the anchor, all certificates and all CRLs of the suite in one pool. The suite comes with the package
cryptography-vectors. Held: no certificate accepted that should be refused, and at most four wrong altogether.
"""

from __future__ import annotations

import contextlib
import datetime
import warnings
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cryptography import x509

from pysec.errors import IdentityError
from pysec.identity import PathPolicy, Validator, load_certificate

MAX_WRONG: Final = 4
AT: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""Within the time of the suite, which ends with 2030."""
_POLICY: Final = "2.16.840.1.101.3.2.1.48."
# Only these ask for a policy of the user's before they are valid (PKITS 4.10.1, 4.10.3, 4.10.5, 4.10.6).
INITIAL_POLICIES: Final = {
    "ValidPolicyMappingTest1": (1,),
    "ValidPolicyMappingTest3": (2,),
    "ValidPolicyMappingTest5": (1,),
    "ValidPolicyMappingTest6": (1,),
}


def policy_for(
    *policies: int, explicit: bool = False, inhibit_mapping: bool = False, inhibit_any: bool = False
) -> PathPolicy:
    """The inputs of a case: NIST-test-policies by their number, none for any.

    SHA-1 is taken, for PKITS signs over it wherever it signs with DSA.
    """
    hashes = PathPolicy().hashes | {"sha1"}
    policy = PathPolicy(
        hashes=hashes, explicit_policy=explicit, inhibit_mapping=inhibit_mapping, inhibit_any=inhibit_any
    )
    if not policies:
        return policy
    return replace(policy, initial_policies=frozenset(f"{_POLICY}{number}" for number in policies))


@dataclass
class Pkits:
    """How the suite went."""

    judged: int = 0
    false_accepts: list[str] = field(default_factory=list)
    false_refusals: list[tuple[str, str]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """The id of the refusal for each end entity that was refused, rightly or not."""

    @property
    def wrong(self) -> int:
        """Verdicts that are not the suite's."""
        return len(self.false_accepts) + len(self.false_refusals)

    @property
    def ok(self) -> bool:
        """Whether what is claimed of the suite holds."""
        return self.judged > 0 and not self.false_accepts and self.wrong <= MAX_WRONG

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        accepted, wrong = f"{len(self.false_accepts)} of {self.judged}", f"{self.wrong} of {self.judged}"
        return {
            "ok": self.ok,
            "suite": "pkits",
            "cases": self.judged,
            "wrong": self.wrong,
            "false_accepts": self.false_accepts,
            "false_refusals": [{"id": name, "why": why} for name, why in self.false_refusals],
            "checks": [
                {
                    "id": "no false accept",
                    "ok": not self.false_accepts,
                    "detail": accepted,
                },
                {
                    "id": f"at most {MAX_WRONG} wrong",
                    "ok": self.wrong <= MAX_WRONG,
                    "detail": wrong,
                },
            ],
        }

    def lines(self) -> list[str]:
        """For people."""
        out = [f"FALSE ACCEPT  {name}" for name in self.false_accepts]
        out += [f"false refusal {name}: {why}" for name, why in self.false_refusals]
        verdict = "ok" if self.ok else "FAILED"
        out.append(
            f"{verdict}: PKITS, {self.judged} end entities, {self.wrong} wrong, {len(self.false_accepts)} false accepts"
        )
        return out


def folder() -> Path | None:
    """Where the suite lies, or None without the package."""
    spec = find_spec("cryptography_vectors")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / "x509" / "PKITS_data"
    return found if found.is_dir() else None


def load(data: Path) -> Validator:
    """A validator with all of the suite in one pool."""
    certificates = []
    for file in sorted((data / "certs").glob("*.crt")):
        with contextlib.suppress(IdentityError):  # whatever needs it finds no issuer
            certificates.append(load_certificate(file.read_bytes()))
    crls = [x509.load_der_x509_crl(p.read_bytes()) for p in sorted((data / "crls").glob("*.crl"))]
    anchor = load_certificate((data / "certs" / "TrustAnchorRootCertificate.crt").read_bytes())
    return Validator([anchor], certificates, crls)


def run(data: Path, validator: Validator | None = None) -> Pkits:
    """Judge the suite in a folder; validator: another one, to see that the suite finds what is wrong with it."""
    result = Pkits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite has negative serial numbers, on purpose
        validator = validator or load(data)
        for file in sorted((data / "certs").glob("*EE.crt")):
            name = file.name.removesuffix("EE.crt")
            if not name.startswith(("Valid", "Invalid")):
                continue
            result.judged += 1
            policy = policy_for(*INITIAL_POLICIES.get(name, ()))
            try:
                validator.validate(load_certificate(file.read_bytes()), AT, policy)
            except IdentityError as error:
                result.refusals[name] = error.refusal
                if name.startswith("Valid"):
                    result.false_refusals.append((name, str(error)))
            else:
                if name.startswith("Invalid"):
                    result.false_accepts.append(name)
    return result
