import io
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.cli.read_options import RetrieveCommand, read_command
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Level, Method
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from tests.unit.cli.scripted import C_GET, OTHER, PACS, STUDY


def options_of(*argv: str, stdin: str = "") -> RetrieveCommand:
    return read_command(parse_command_line(argv), {}, io.StringIO(stdin).read)


def test_the_defaults_are_those_of_the_contract() -> None:
    options = options_of("pacs://pacs.test", "--move-dest", "MY_SCP", "--study-uid", STUDY)

    peer = PeerAE(ae_title="ANY-SCP", endpoint=Endpoint(host="pacs.test", port=104))
    assert options == RetrieveCommand(
        selections=(Selection(study_instance_uid=STUDY),),
        retrieval=RetrieveOptions(
            method=Method.C_MOVE,
            move_destination="MY_SCP",
            parallel=1,
            retries=3,
            peer=peer,
            calling_ae_title="DICOMRETRIEVE",
            output=Path(),
            layout="{SOPInstanceUID}.dcm",
            timeout_s=60.0,
        ),
    )


def test_every_flag_arrives(tmp_path: Path) -> None:
    output, report, log = tmp_path / "out", tmp_path / "r.json", tmp_path / "run.log"
    options = options_of(
        "pacs://[::1]:11112",
        *("--aet", "ME", "--called-aet", "THEM", "--move-dest", "DEST"),
        *("--method", "auto", "--listen", "127.0.0.1:4242", "--hierarchical"),
        *("--study-uid", STUDY, "--series-uid", "1.2", "--instance-uid", "1.3"),
        *("--output", str(output), "--timeout", "2.5", "--parallel", "64", "--retries", "100"),
        *("--json", "--dry-run", "-v", "--report", str(report), "--log-file", str(log)),
    )

    assert options.selections == (Selection.of(STUDY, "1.2", "1.3"),)
    assert options.retrieval == RetrieveOptions(
        method=Method.AUTO,
        move_destination="DEST",
        parallel=64,
        retries=100,
        peer=PeerAE(ae_title="THEM", endpoint=Endpoint(host="::1", port=11112)),
        calling_ae_title="ME",
        output=output,
        layout="{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
        timeout_s=2.5,
        listen=("127.0.0.1", 4242),
    )
    assert (options.json, options.dry_run, options.verbose) == (True, True, True)
    assert (options.report, options.log_file) == (report, log)


def test_no_retries_are_a_choice() -> None:
    assert options_of(*C_GET, "--retries", "0").retrieval.retries == 0


def test_a_series_is_asked_for_at_its_level() -> None:
    selection = options_of(*C_GET, "--series-uid", "1.2").selections[0]

    assert selection.level is Level.SERIES


def test_a_list_gives_a_selection_for_each_uid_once(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"\ufeff# mine\n{STUDY}\n\n{OTHER}  # both\n{STUDY}\n", encoding="utf-8")

    options = options_of(PACS, "--method", "c-get", "--uid-list", str(path))

    assert [s.study_instance_uid for s in options.selections] == [STUDY, OTHER]
    assert options.duplicates == 1


def test_a_list_comes_from_stdin_if_it_is_a_dash() -> None:
    options = options_of(PACS, "--method", "c-get", "--uid-list", "-", stdin=f"{OTHER}\n")

    assert options.selections == (Selection(study_instance_uid=OTHER),)


def test_c_get_has_no_move_destination_even_if_one_is_named() -> None:
    options = options_of(*C_GET, "--move-dest", "MY_SCP")

    assert options.retrieval.move_destination is None
    assert not options.delivering


@pytest.mark.parametrize(("flags", "delivering"), [((), True), (("--listen", "4242"), False)])
def test_c_move_delivers_unless_we_listen(flags: tuple[str, ...], *, delivering: bool) -> None:
    options = options_of(PACS, "--study-uid", STUDY, "--move-dest", "MY_SCP", *flags)

    assert options.delivering is delivering


def test_the_report_may_lie_in_an_output_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    output = tmp_path / "new"

    options = options_of(*C_GET, "--output", str(output), "--report", str(output / "r.json"))

    assert options.report == output / "r.json"


def test_a_home_folder_that_no_shell_has_replaced_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    options = options_of(*C_GET, "--output=~/dicom")

    assert options.retrieval.output == tmp_path / "dicom"


def test_the_name_of_a_profile_without_its_sign_is_recognised(tmp_path: Path) -> None:
    book = tmp_path / "profiles.toml"
    book.write_text('[profiles.fast]\nhost = "pacs.test"\n', encoding="utf-8")

    with pytest.raises(UsageError, match="'fast' is a profile: write @fast"):
        options_of("--config", str(book), "fast", "1.2.3")
    with pytest.raises(ConfigError, match="'slow' has no scheme"):
        options_of("--config", str(book), "slow", "1.2.3")
