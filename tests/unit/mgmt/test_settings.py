"""A link's settings: by the same names from options, files and requests; what is wrong is told where it stands."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysec.cli.main import main
from pysec.errors import FormatError, PysecError, UsageError
from pysec.mgmt import linkfile, settings, state
from pysec.mgmt.settings import BY_NAME, FORMAT, SETTINGS, Value, gather, link_config, parse, take
from pysec.pae import Policy
from pysec.runtime import folder
from pysec.types import CipherSuite

LEAST = {"interface": Value("eth1"), "key": Value("/k")}
FULL = """
format = "pysec-link/1"   # a comment
interface = "eth1"
key = "eth1.cak"
controlled = "safe1"
address = ["10.0.0.1/24", "fd00::1/64"]
policy = "should-secure"
priority = 3
suite = ["GCM-AES-256", "GCM-AES-128"]
offset = "30"
replay-window = 64
rekey-period = 3600
delay-protect = true
bypass = ["lldp", "ptp"]
peer = ["pump-3=02:00:00:00:00:0b"]
guard = false
raise-mtu = true
implicit-sci = true
vlan-tags-in-clear = 1
residence = 100
trace = "t.jsonl"
keylog = "/var/k.log"
"""


def written(folder: Path, text: str, name: str = "eth1.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_can_say_everything(tmp_path: Path) -> None:
    link = gather(linkfile.read(written(tmp_path, FULL)))
    assert set(link) == {setting.name for setting in SETTINGS}
    assert all(found.value != BY_NAME[name].default for name, found in link.items())
    config = link_config(link)
    assert (config.interface, config.controlled_name) == ("eth1", "safe1")
    assert [str(each) for each in config.addresses] == ["10.0.0.1/24", "fd00::1/64"]
    assert not config.move_addresses
    assert not config.guard
    assert config.pae.policy is Policy.SHOULD_SECURE
    assert config.pae.kay.plain_allowed
    assert config.pae.kay.cipher_suites == (CipherSuite.GCM_AES_256, CipherSuite.GCM_AES_128)
    assert config.pae.kay.confidentiality_offset.octets == 30
    assert (config.pae.kay.key_server_priority, config.pae.kay.rekey_period_s) == (3, 3600.0)
    assert config.pae.secured.replay_window == 64
    assert config.pae.secured.cipher_suite is CipherSuite.GCM_AES_256
    assert [each.name for each in config.bypass] == ["lldp", "ptp"]
    assert (config.raise_mtu, config.implicit_sci, config.vlan_tags_in_clear) == (True, True, 1)
    assert config.residence_every == 100
    assert link["key"].value == str(tmp_path / "eth1.cak")
    assert (config.trace, config.keylog) == (tmp_path / "t.jsonl", Path("/var/k.log"))
    assert link["replay-window"].origin == f"{tmp_path / 'eth1.toml'}:11"
    assert parse(settings.document(link), "again") == {
        name: Value(found.value, "again") for name, found in link.items()
    }  # fmt: skip


def test_defaults_are_the_safe_choice() -> None:
    config = link_config(gather(LEAST))
    assert config.pae.policy is Policy.MUST_SECURE
    assert config.guard
    assert config.bypass == ()
    assert config.pae.secured.replay_window == 0
    assert config.move_addresses
    assert settings.document(gather(LEAST)) == {"format": FORMAT, "interface": "eth1", "key": "/k"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("replay_window = 3", ":3: replay_window: there is no such setting; did you mean replay-window?"),
        ("replay-windw = 3", "did you mean replay-window?"),
        ("colour = 3", ":3: colour: there is no such setting"),
        ("priority = 256", ":3: priority: 256: must be 0 to 255"),
        ("priority = true", ":3: priority: must be a whole number"),
        ('priority = "16"', ":3: priority: must be a whole number"),
        ("guard = 1", ":3: guard: must be true or false"),
        ('suite = "GCM-AES-128"', ":3: suite: must be a list"),
        ("suite = [1]", ":3: suite: must be a list of strings"),
        ('suite = ["ROT13"]', "must be one of"),
        ('suite = ["GCM-AES-128", "GCM-AES-128"]', "none twice"),
        ('policy = "must_secure"', "did you mean must-secure?"),
        ('policy = "never"', "must be one of must-secure, should-secure"),
        ('offset = "40"', "offset: 40: must be one of none, 0, 30, 50"),
        ('bypass = ["ldp"]', "did you mean lldp?"),
        ("rekey-period = 0.5", "must be 1 or more"),
        ("rekey-period = nan", "must be 1 or more"),
        ("replay-window = 4294967296", "must be 0 to 2^32 - 1"),
        ("vlan-tags-in-clear = 3", "must be 0, 1 or 2"),
        ('peer = ["pump-3"]', "must be NAME=MAC"),
        ('peer = ["pump-3=02:00"]', ":3: peer:"),
        ('address = ["10.0.0.1"]', "as in 10.0.0.1/24"),
        ('address = ["10.0.0.1/33"]', ":3: address:"),
        ('address = ["move", "keep"]', "stand alone"),
        ('controlled = "a name"', "no space and no /"),
        ('controlled = "much-too-long-name"', "1 to 15 octets"),
        ("[mka]\npriority = 3", ":3: mka: there is no such setting"),
        ("priority 3", "line 3"),
        ("priority = 3\npriority = 4", "line 4"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_its_line(tmp_path: Path, line: str, words: str) -> None:
    path = written(tmp_path, f'format = "{FORMAT}"\ninterface = "eth1"\n{line}\n')
    with pytest.raises(PysecError) as caught:
        gather(linkfile.read(path), {"key": Value("/k")})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'no line `format = "pysec-link/1"`'),
        ('format = "pysec-link/2"', ":1: format 'pysec-link/2': this pysec reads pysec-link/1"),
        ("format = 1", "this pysec reads"),
        ("\xff", ""),
        ("x" * 70000, "too long for a link"),
        ("a" + "." * 10 + "= 1", "line 1"),
        ("x = " + "[" * 30000, "eth1.toml"),
    ],
)
def test_what_is_no_links_file_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "eth1.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError) as caught:
        linkfile.read(path)
    assert words in str(caught.value)


def test_two_files_of_one_interface_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        written(tmp_path, f'format = "{FORMAT}"\ninterface = "eth1"\n', name)
    with pytest.raises(UsageError, match=r"b\.toml: eth1 stands in a\.toml, too"):
        linkfile.read_folder(tmp_path)


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from([*BY_NAME, "format", "other"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=3)),
    )
)
def test_any_request_is_a_link_or_an_error_of_the_caller(body: dict[str, Any]) -> None:
    try:
        link = parse(body, "the request")
    except UsageError:
        return
    assert parse(json.loads(json.dumps(settings.document(link))), "again").keys() == link.keys()


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_any_octets_are_a_file_or_an_error(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(b'format = "pysec-link/1"\n' + octets)
        file.flush()
        with contextlib.suppress(PysecError):
            linkfile.read(file.name)


def test_options_go_over_the_file_and_explain_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f'format = "{FORMAT}"\ninterface = "eth1"\nkey = "a.cak"\npriority = 3\n')
    assert main(["explain", str(path), "--priority", "4", "--no-guard", "--suite", "GCM-AES-128"]) == 0
    lines = {line.split(" ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["priority"].endswith("= 4                    # --priority") or "# --priority" in lines["priority"]
    assert "4" in lines["priority"]
    assert lines["guard"].split()[2:] == ["false", "#", "--no-guard"]
    assert lines["key"].endswith(f"# {path}:3")
    assert lines["policy"].endswith("# default")
    assert main(["explain", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["controlled"] == "sec-eth1"
    assert said["settings"]["priority"] == {"value": 3, "origin": f"{path}:4"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eth1"], "a link needs a key"),
        (["no/such.toml"], "No such file"),
        (["eth1", "--key", "k", "--priority", "300"], "--priority: priority: 300: must be 0 to 255"),
        (["interface-too-long", "--key", "k"], "1 to 15 octets"),
        (["", "--key", "k"], "name an interface"),
        (["eth1", "--key", "k", "--bypass", "arp"], "must be one of cfm, lacp, lldp"),
    ],
)
def test_explain_refuses_what_cannot_be_used(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


def test_a_value_of_the_wrong_kind_names_its_origin() -> None:
    with pytest.raises(UsageError, match="--priority: priority: must be a whole number"):
        take("priority", "x", "--priority")


# ---- the state of a service


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert state.read(tmp_path) == state.State()
    said = state.State({"eth1": settings.document(gather(LEAST))}, {"eth2": None})
    state.write(tmp_path, said)
    assert state.read(tmp_path) == said
    assert (tmp_path / state.NAME).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [state.NAME]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "pysec-state/1", "links": [], "trials": {}}'])
def test_a_state_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / state.NAME).write_text(text)
    with pytest.raises(FormatError, match=r"links\.json"):
        state.read(tmp_path)


def test_the_state_of_the_first_version_is_read_by_this_one(tmp_path: Path) -> None:
    """As version 0.2.0 wrote it; later ones go on reading it."""
    (tmp_path / state.NAME).write_text(
        '{"format": "pysec-state/1", "links": {"eth1": {"format": "pysec-link/1", "interface": "eth1",'
        ' "key": "/etc/pysec/eth1.cak", "priority": 3, "address": ["10.0.0.1/24"]}}, "trials": {"eth1": null}}'
    )
    found = state.read(tmp_path)
    assert parse(found.links["eth1"], "state")["priority"].value == 3
    assert found.trials == {"eth1": None}


def test_a_full_disk_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.write(tmp_path, state.State({"eth1": {}}))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        state.write(tmp_path, state.State({"eth2": {}}))
    assert state.read(tmp_path).links == {"eth1": {}}
    assert [path.name for path in tmp_path.iterdir()] == [state.NAME]
