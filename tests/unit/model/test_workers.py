import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.option_values import written
from dicom_retrieve_tui.model.workers import (
    WorkerDestination,
    local_workers,
    parse_cluster,
    parse_destinations,
)


@pytest.mark.parametrize(
    "text", ["local:4", "tcp://host:8786", "host:8786", "tls://10.0.0.1:8786", "tcp://[::1]:8786"]
)
def test_addresses_are_accepted(text: str) -> None:
    assert parse_cluster("--cluster", text) == text


@pytest.mark.parametrize("text", ["", "local:", "local:0", "local:65", "local:x", "host", "a b:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--cluster"):
        parse_cluster("--cluster", text)


def test_the_number_of_local_workers_is_known() -> None:
    assert local_workers("local:4") == 4
    assert local_workers("tcp://host:8786") == 0


def test_a_table_of_destinations_is_read_and_written() -> None:
    text = "node1=NODE1:11112,node*=DR_{host}:11113"

    found = parse_destinations("--worker-dest", text)

    assert written(found) == text
    assert found[0] == WorkerDestination("node1", "NODE1", 11112)


def test_a_destination_is_found_by_name_or_host() -> None:
    destination = WorkerDestination("node*", "DR_{host}", 11112)

    assert destination.matches("w1", "node7.example.org")
    assert destination.matches("node7", "other")
    assert not destination.matches("w1", "other")
    assert destination.title_on("node7.example.org") == "DR_NODE7"


def test_a_host_whose_name_makes_no_ae_title_is_refused() -> None:
    with pytest.raises(ConfigError, match="--worker-dest"):
        WorkerDestination("*", "DR_{host}", 11112).title_on("a-host-with-a-long-name")


@pytest.mark.parametrize(
    "text", ["node1", "node1=A", "node1=A:0", "=A:1", "n=FAR_TOO_LONG_TITLE:1"]
)
def test_a_wrong_line_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--worker-dest"):
        parse_destinations("--worker-dest", text)
