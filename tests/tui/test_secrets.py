"""Passcodes and passphrases: asked for once, shown nowhere, and without them nothing is sent."""

from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.doctor.result import Check
from dicom_retrieve_tui.errors import AssociationRejected, ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret, UserIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from dicom_retrieve_tui.tui.screens.secret import SecretScreen
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import check_tls
from tests.peers.certificates import Authority
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_doctor import Answers, answers, fails
from tests.tui.scripted_search import Searches
from tests.tui.scripted_session import begins, ends

A, B = uids(2)
SAID = "open sesame"
KEYS = ["space" if character == " " else character for character in SAID]
TLS = '[profiles.safe]\nhost = "safe.test"\nmethod = "c-get"\ntls = true\n'
USER = """\
[profiles.safe]
host = "safe.test"
method = "c-get"
user = "READER"
"""


def on(
    tmp_path: Path,
    text: str = USER,
    *,
    pacs: Answers | None = None,
    find: Searches | None = None,
    secrets: SecretStore | None = None,
    job_history: JobHistory | None = None,
    size: tuple[int, int] = SIZES["usual"],
) -> AbstractAsyncContextManager[Bench]:
    path = tmp_path / "profiles.toml"
    path.write_text(f'[defaults]\noutput = "{tmp_path / "out"}"\n{text}', encoding="utf-8")
    return opened(
        size,
        profile_store=ProfileStore(path, lambda: ("pc", 11112)),
        doctor=(pacs or answers()).doctor,
        find=find,
        secrets=secrets,
        job_history=job_history,
    )


async def order(bench: Bench, *uids: str) -> None:
    await bench.paste("\n".join(uids))
    await bench.pilot.press("enter")


async def answer(bench: Bench) -> None:
    await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))
    await bench.pilot.press(*KEYS)
    assert "sesame" not in bench.text()
    await bench.pilot.press("enter")


def user_of(settings: RetrieveOptions) -> UserIdentity | None:
    return settings.user


async def test_a_passcode_is_asked_for_once_and_kept_in_memory_only(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    with closing(History(database)) as history:
        async with on(tmp_path, job_history=JobHistory(lambda: history)) as bench:
            await order(bench, A)
            assert "Passcode of READER for ANY-SCP@safe.test:104" in bench.joined()
            await answer(bench)
            await bench.until(lambda: bench.sessions.opened)
            await order(bench, B)
            await bench.until(lambda: bench.session.asked)

            known = UserIdentity(name="READER", passcode=Secret(SAID))
            assert user_of(bench.session.options) == known
            assert bench.session.asked == [f"add {B}"]
            assert SAID not in repr(bench.session)

    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SAID.encode() in data for data in written)
    assert any(b"READER" in data for data in written)


async def test_whoever_will_not_tell_sends_nothing_and_loses_no_uid(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await order(bench, A)
        await bench.pilot.press(*KEYS, "escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

        assert bench.sessions.opened == []
        assert not bench.app.jobs.busy
        assert bench.main._retrieve.line.found.uids == (A,)


async def test_an_empty_passcode_sends_the_name_alone(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await order(bench, A)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert user_of(bench.session.options) == UserIdentity(name="READER")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_form_says_what_the_profile_adds_to_it(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with on(tmp_path, f'{TLS}user = "READER"\n', size=size) as bench:
        await bench.pilot.press("f4")
        await bench.until(lambda: "From the profile: TLS, as READER" in bench.text())


async def test_the_environment_answers_in_the_place_of_a_person(tmp_path: Path) -> None:
    async with on(tmp_path, secrets=SecretStore({"DICOM_RETRIEVE_PASSCODE": SAID})) as bench:
        await order(bench, A)
        await bench.until(lambda: bench.sessions.opened)

        known = UserIdentity(name="READER", passcode=Secret(SAID))
        assert user_of(bench.session.options) == known


async def test_what_comes_to_nothing_is_asked_for_again(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await order(bench, A)
        await answer(bench)
        await bench.until(lambda: bench.sessions.opened)
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0, reason="rejected"))
        await bench.until(lambda: not bench.app.jobs.busy)
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.FAILED)
        await bench.until(lambda: "1 study" in bench.told())
        bench.main.table.focus()
        await bench.pilot.press("r")
        await answer(bench)
        await bench.until(lambda: len(bench.sessions.opened) == 2)


async def test_a_search_asks_and_a_refused_one_asks_again(tmp_path: Path) -> None:
    find = Searches()
    async with on(tmp_path, find=find) as bench:
        await bench.pilot.press("f3", "T", "e", "s", "t", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))
        await bench.pilot.press("escape")
        assert find.asked == []
        await bench.until(lambda: isinstance(bench.app.screen, FindScreen))
        await bench.pilot.press("enter")
        await answer(bench)
        await bench.until(lambda: find.asked)
        find.end(AssociationRejected("It was rejected.", result=1, source=1, reason=1))
        await bench.until(lambda: "It was rejected." in bench.text())
        await bench.pilot.press("f3", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))

    assert user_of(find.settings[0]) == UserIdentity(name="READER", passcode=Secret(SAID))


async def test_a_test_asks_and_a_refused_one_asks_again(tmp_path: Path) -> None:
    pacs = answers([fails(Check.ASSOCIATION, "It was rejected.")])
    async with on(tmp_path, pacs=pacs) as bench:
        await bench.pilot.press("f2", "t")
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, ProfilesScreen))
        assert pacs.asked == []
        await bench.pilot.press("t")
        await answer(bench)
        await bench.until(lambda: "✗ association     It was rejected." in bench.text())
        assert user_of(pacs.asked[0]) == UserIdentity(name="READER", passcode=Secret(SAID))
        await bench.pilot.press("D")
        await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))


async def test_what_was_left_keeps_its_tls_and_asks_for_the_passcode(tmp_path: Path) -> None:
    text = f'{USER}tls = true\ntls_ca = "{tmp_path}/ca.pem"\n'
    with closing(History(tmp_path / "history.db")) as history:
        async with on(tmp_path, text, job_history=JobHistory(lambda: history)) as bench:
            await order(bench, A)
            await answer(bench)
            await bench.until(lambda: bench.sessions.opened)
            before = bench.session.options
        async with on(tmp_path, text, job_history=JobHistory(lambda: history)) as bench:
            await bench.pilot.press("enter")
            await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))
            await bench.pilot.press("escape")
            assert bench.sessions.opened == []
            bench.main._retrieve.line.focus()
            await bench.pilot.press("enter")
            await answer(bench)
            await bench.until(lambda: bench.sessions.opened)

            assert before.tls is not None
            assert before.tls.ca == tmp_path / "ca.pem"
            assert bench.session.options == before


@pytest.fixture
def locked(tmp_path: Path) -> str:
    authority = Authority(tmp_path / "certificates")
    ours = authority.issue("ours", passphrase=SAID)
    return (
        f"{TLS}"
        f'tls_ca = "{authority.certificate}"\n'
        f'tls_cert = "{ours.certificate}"\ntls_key = "{ours.key}"\n'
    )


async def test_a_wrong_passphrase_is_told_where_it_was_typed(locked: str, tmp_path: Path) -> None:
    async with on(tmp_path, locked, secrets=SecretStore({}, check_tls)) as bench:
        await order(bench, A)
        await bench.pilot.press("w", "r", "o", "n", "g", "enter")
        await bench.until(lambda: "the passphrase is wrong" in bench.joined())
        assert bench.sessions.opened == []
        await answer(bench)
        await bench.until(lambda: bench.sessions.opened)

        tls = bench.session.options.tls
        assert tls is not None
        assert tls.key_passphrase == Secret(SAID)


async def test_a_file_of_no_use_is_told_at_its_field(tmp_path: Path) -> None:
    text = f'{TLS}tls_ca = "{tmp_path}/none.pem"\n'
    pacs = answers()
    async with on(tmp_path, text, pacs=pacs, secrets=SecretStore({}, check_tls)) as bench:
        await order(bench, A)
        await bench.until(lambda: "none.pem: cannot be read" in bench.told())
        assert bench.sessions.opened == []

        await bench.pilot.press("f2", "t")
        await bench.until(lambda: "✗ TLS" in bench.text())
        await bench.pilot.press("e")
        await bench.until(lambda: isinstance(bench.app.screen, ProfileScreen))
        await bench.pilot.press("enter")
        await bench.pilot.pause()

        assert bench.app.focused is bench.app.screen.query_one("#field-tls_ca")
        assert "none.pem: cannot be read" in bench.joined()
        assert pacs.asked == []


async def test_tls_that_verifies_nobody_is_marked(tmp_path: Path) -> None:
    text = '[profiles.lax]\nhost = "lax.test"\nmethod = "c-get"\ntls = true\ntls_insecure = true\n'
    async with on(tmp_path, text) as bench:
        assert "TLS INSECURE" in bench.text(bench.main.query_one("#header"))
        await bench.pilot.press("f2")
        assert "Encrypted by TLS, certificate not verified" in bench.text()


def test_a_secret_that_was_not_told_is_not_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(USER)
    settings = ProfileStore(path, lambda: ("pc", 1)).options("safe")

    with pytest.raises(ConfigError, match="No passcode of READER was entered"):
        SecretStore().fill_in(settings)
