"""A secret is in nothing that anybody prints, logs, copies or writes."""

import copy
import pickle
import traceback

import pytest

from dicom_retrieve_tui.model.security import Secret, TlsSettings

WORD = "abracadabra"


def test_it_shows_only_to_whoever_asks() -> None:
    secret = Secret(WORD)

    settings = TlsSettings(key_passphrase=secret)

    assert WORD not in f"{secret} {secret!r} {settings!r} {[secret]}"
    assert secret.reveal() == WORD


def test_it_is_not_written_anywhere() -> None:
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            write(Secret(WORD))
        assert WORD not in "".join(traceback.format_exception(caught.value))


def test_equal_secrets_are_equal() -> None:
    assert Secret(WORD) == Secret(WORD)
    assert len({Secret(WORD), Secret(WORD), Secret("")}) == 2
    assert Secret(WORD) != WORD
