"""What follows from the steps of a diagnosis."""

from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.doctor.result import Check, OurSide, Outcome, Step, conclude, weighed
from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions

_US = OurSide(calling_ae_title="US", address="192.0.2.7", listening_port=11112)
_MOVE = RetrieveOptions(
    peer=PeerAE(ae_title="PACS", endpoint=Endpoint(host="host", port=104)),
    output=Path(),
    method=Method.C_MOVE,
    move_destination="MY_SCP",
    listen=(None, 11112),
)


def _step(check: Check, outcome: Outcome = Outcome.OK) -> Step:
    return Step(check=check, outcome=outcome, found="found")


def test_one_failed_step_is_enough_and_is_named() -> None:
    steps = [_step(Check.HOST), _step(Check.LISTENER, Outcome.FAILED), _step(Check.MOVE)]

    conclusion = conclude(steps, Method.C_MOVE, _MOVE, _US)

    assert not conclusion.works
    assert conclusion.words == "A retrieval by C-MOVE would not work: see our own port."


def test_without_an_instance_nothing_is_proven() -> None:
    conclusion = conclude([_step(Check.GET_INSTANCE)], Method.C_MOVE, _MOVE, _US)

    assert (conclusion.works, conclusion.proven) == (True, False)
    assert "Name a study" in conclusion.next_step


def test_where_c_move_fails_and_c_get_brought_an_instance_that_is_the_way() -> None:
    steps = [_step(Check.MOVE, Outcome.FAILED), _step(Check.GET_INSTANCE)]

    conclusion = conclude(steps, Method.C_MOVE, _MOVE, _US)

    assert conclusion.next_step == "C-GET works: --method c-get."


def test_the_administrator_reads_what_to_add() -> None:
    conclusion = conclude([], Method.C_MOVE, _MOVE, _US)

    assert "\n".join(conclusion.for_administrator) == (
        "Please let AE title US at address 192.0.2.7 query and retrieve "
        "(C-ECHO, C-FIND, C-MOVE).\n"
        "Please add AE title MY_SCP at address 192.0.2.7, port 11112, as a C-STORE destination."
    )


def test_the_address_of_somebody_elses_scp_is_not_ours_to_tell() -> None:
    plan = replace(_MOVE, listen=None, method=Method.AUTO)

    conclusion = conclude([], Method.C_GET, plan, replace(_US, listening_port=None))

    assert "\n".join(conclusion.for_administrator) == (
        "Please let AE title US at address 192.0.2.7 query and retrieve "
        "(C-ECHO, C-FIND, C-GET, C-MOVE).\n"
        "Please make sure that MY_SCP is known as a C-STORE destination."
    )


def test_a_failure_of_the_other_method_is_a_warning() -> None:
    failed = _step(Check.GET, Outcome.FAILED)

    assert weighed(failed, Method.C_GET, Method.C_GET).outcome is Outcome.FAILED
    assert weighed(failed, Method.C_GET, Method.C_MOVE).outcome is Outcome.WARNING
    assert weighed(failed, None, Method.C_MOVE).outcome is Outcome.FAILED
