"""NIST's suite: the verdicts of its file names, the inputs that its cases ask for, and faults that it must find."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from pysec.cli.main import main
from pysec.errors import IdentityError
from pysec.identity import Validator, load_certificate, path, revocation
from pysec.identity.names import Constraints
from pysec.identity.policy import PolicyTree
from pysec.tools.conformance import pkits

# A case, its inputs, and whether it holds (PKITS 4.8, 4.10, 4.12): policies by number, with explicit policy asked for.
Case = tuple[str, tuple[int, ...], dict[str, bool], bool]
INPUTS: list[Case] = [
    ("ValidCertificatePathTest1", (), {}, True),
    ("ValidCertificatePathTest1", (1,), {}, True),
    ("ValidCertificatePathTest1", (2,), {}, False),
    ("ValidCertificatePathTest1", (1, 2), {}, True),
    ("AllCertificatesNoPoliciesTest2", (), {}, False),
    ("DifferentPoliciesTest3", (), {}, False),
    ("DifferentPoliciesTest3", (1, 2), {}, False),
    ("DifferentPoliciesTest4", (), {}, False),
    ("DifferentPoliciesTest5", (), {}, False),
    ("OverlappingPoliciesTest6", (1,), {}, True),
    ("OverlappingPoliciesTest6", (2,), {}, False),
    ("DifferentPoliciesTest7", (), {}, False),
    ("DifferentPoliciesTest8", (), {}, False),
    ("DifferentPoliciesTest9", (), {}, False),
    ("AllCertificatesSamePoliciesTest10", (1,), {}, True),
    ("AllCertificatesSamePoliciesTest10", (2,), {}, True),
    ("AllCertificatesanyPolicyTest11", (1,), {}, True),
    ("DifferentPoliciesTest12", (), {}, False),
    ("AllCertificatesSamePoliciesTest13", (1,), {}, True),
    ("AllCertificatesSamePoliciesTest13", (3,), {}, True),
    ("AnyPolicyTest14", (1,), {}, True),
    ("AnyPolicyTest14", (2,), {}, False),
    ("ValidPolicyMappingTest1", (2,), {}, False),
    ("ValidPolicyMappingTest1", (1,), {"inhibit_mapping": True}, False),
    ("ValidPolicyMappingTest3", (1,), {}, False),
    ("ValidPolicyMappingTest5", (6,), {}, False),
    ("ValidPolicyMappingTest6", (6,), {}, False),
    ("inhibitAnyPolicyTest3", (), {"inhibit_any": True}, False),
    ("inhibitAnyPolicyTest3", (), {}, True),
]


@pytest.fixture(scope="module")
def data() -> Path:
    found = pkits.folder()
    if found is None:
        pytest.skip("the package cryptography-vectors is not installed")
    return found


@pytest.fixture(scope="module")
def validator(data: Path) -> Validator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pkits.load(data)


def test_the_suite(data: Path) -> None:
    """RFC 5280 6.1, 6.3 as a whole: 203 verdicts, no false accept, and one refused for a DSA key without parameters."""
    result = pkits.run(data)
    assert result.judged == 203
    assert result.false_accepts == []
    assert [name for name, _ in result.false_refusals] == ["ValidDSAParameterInheritanceTest5"]


@pytest.mark.parametrize(("name", "refusal"), [
    ("InvalidCASignatureTest2", "X1"), ("InvalidEEnotAfterDateTest6", "X2"), ("InvalidpathLenConstraintTest5", "X3"),
    ("InvalidDNSnameConstraintsTest31", "X4"), ("InvalidUnknownCriticalCertificateExtensionTest2", "X5"),
    ("InvalidPolicyMappingTest2", "X6"), ("InvalidRevokedEETest3", "X7"), ("InvalidMissingCRLTest1", "X8"),
    ("InvalidcRLIssuerTest35", "X8"), ("InvaliddeltaCRLTest3", "X7"), ("InvalidonlySomeReasonsTest15", "X7"),
])  # fmt: skip
def test_the_reason_is_the_right_one(data: Path, validator: Validator, name: str, refusal: str) -> None:
    """RFC 5280 5.2.4, RFC 5280 5.3.3: also of deltas, divided and indirect CRLs."""
    assert pkits.run(data, validator).refusals[name] == refusal


@pytest.mark.parametrize("case", INPUTS)
def test_inputs(data: Path, validator: Validator, case: Case) -> None:
    """RFC 5280 6.1.1: what the user asks for decides."""
    name, policies, flags, holds = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = load_certificate((data / "certs" / f"{name}EE.crt").read_bytes())
    policy = pkits.policy_for(*policies, explicit=True, **flags)
    if holds:
        assert validator.validate(certificate, pkits.AT, policy).certificates[0] == certificate
    else:
        with pytest.raises(IdentityError, match="X6"):
            validator.validate(certificate, pkits.AT, policy)


def nothing(*args: Any, **kwargs: Any) -> None:
    """A check that was left out."""


@pytest.mark.parametrize(("owner", "check"), [
    (revocation, "check"), (path, "check_signature"), (revocation, "check_signature"),
    (path, "_basic"), (path, "_critical"), (Constraints, "check"), (PolicyTree, "constrain"), (PolicyTree, "leave"),
])  # fmt: skip
def test_canary_the_suite_finds_a_check_that_is_left_out(
    data: Path, validator: Validator, monkeypatch: pytest.MonkeyPatch, owner: Any, check: str
) -> None:
    monkeypatch.setattr(owner, check, nothing)
    result = pkits.run(data, validator)
    assert not result.ok
    assert result.false_accepts or result.wrong > pkits.MAX_WRONG


def test_canary_the_suite_finds_path_lengths_and_scopes_left_out(
    data: Path, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(path, "_ca", lambda *args: 9)
        assert pkits.run(data, validator).false_accepts
    with monkeypatch.context() as patch:
        patch.setattr(revocation, "_in_scope", lambda *args: True)
        assert pkits.run(data, validator).false_accepts
    with monkeypatch.context() as patch:
        patch.setattr(revocation, "_is_signed", lambda *args: True)
        assert pkits.run(data, validator).false_accepts


def test_the_command(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`pysec conformance pkits`: 0 when it holds, 77 without the suite, 2 with an option that has no meaning."""
    assert main(["conformance", "pkits", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["ok"], said["cases"], said["wrong"], said["false_accepts"]) == (True, 203, 1, [])
    assert main(["conformance", "pkits"]) == 0
    assert "203 end entities, 1 wrong, 0 false accepts" in capsys.readouterr().out
    assert main(["conformance", "pkits", "--impl", "portable"]) == 2
    monkeypatch.setattr(pkits, "find_spec", lambda name: None)
    assert main(["conformance", "pkits"]) == 77
    assert "cryptography-vectors" in capsys.readouterr().err
