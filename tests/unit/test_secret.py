"""A secret never turns into text, and is gone when its block is left."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest

from pysec import Secret, UsageError

OCTETS = bytes(range(0xA0, 0xB0))


def test_it_says_only_how_many_octets() -> None:
    secret = Secret(OCTETS)
    assert repr(secret) == str(secret) == "Secret(16 octets)"
    assert len(secret) == 16
    assert bytes(secret.reveal()) == OCTETS


def test_every_way_out_is_shut() -> None:
    secret = Secret(OCTETS)
    for way in (pickle.dumps, copy.copy, copy.deepcopy, "{}".format, hash):
        with pytest.raises(TypeError):
            way(secret)
    with pytest.raises(TypeError):
        secret.reveal()[0] = 1


def test_leaving_the_block_erases() -> None:
    with Secret(OCTETS) as secret:
        inside = secret._octets
    assert not any(inside)
    assert len(secret) == 0
    with pytest.raises(UsageError, match="erased"):
        secret.reveal()


def test_equality_is_by_value() -> None:
    assert Secret(OCTETS) == Secret(OCTETS)
    assert Secret(OCTETS) != Secret(bytes(16))
    assert Secret(OCTETS) != OCTETS


def test_bad_hex_does_not_show_the_digits() -> None:
    with pytest.raises(UsageError) as caught:
        Secret.from_hex("a1b2c3zz")
    shown = "".join(traceback.format_exception(caught.value))
    assert "a1b2c3" not in str(caught.value)
    assert "a1b2c3" not in shown.replace('Secret.from_hex("a1b2c3zz")', "")


def test_logs_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").error("key %s %r", Secret(OCTETS), Secret(OCTETS))
    assert OCTETS.hex() not in caplog.text
    assert "Secret(16 octets)" in caplog.text
