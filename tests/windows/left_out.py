"""Tests that Windows leaves out, with the reason of each.

`tests/windows/run` prints the reasons. A key is a file, or a test in a file without its parameters.
"""

_TERMINAL = "needs a pseudo-terminal, which Python has on POSIX alone"
_SIGNALS = "needs a signal that Windows does not have, or one for another process"
_MODES = "checks permission bits; Windows has access control lists"
_STREAMS = "needs a named pipe in a folder, or a stream that has a path"
_LINKS = "makes a symbolic link, which Windows allows administrators only"
_FOLDER_SYNC = "checks how folders are synced, which Windows does not do"
_PROC = "reads the open files of the process in /proc"
_FULL = "writes to /dev/full"
_FOLDER_AS_FILE = "expects the words of POSIX for a folder that is opened as a file"
_TRIALS = "tries what a run on Windows does not use"
_ALIVE = "needs to find a process by its number"
_MOUNTS = "reads the mounts of Linux"
_PATH_TEXT = "expects a path or a command line as POSIX writes it"
_NAMES = "uses characters that Windows does not allow in names"

FILES: dict[str, str] = {
    "tests/unit/cli/test_paths.py": _STREAMS,
    "tests/unit/storage/test_fsync.py": _PROC,
    "tests/unit/storage/test_permissions.py": _MODES,
}
"""Not collected: they import what Windows does not have, or test nothing that it has."""

_OF_FILE: dict[str, dict[str, str]] = {
    "tests/network/test_resume.py": {
        "test_a_journal_that_cannot_be_opened_is_named_and_nothing_is_sent": _FOLDER_AS_FILE,
    },
    "tests/tui/test_flows.py": {
        "test_the_details_tell_the_command_that_does_the_same": _PATH_TEXT,
        "test_what_a_peer_says_is_shown_as_it_is_and_moves_no_cursor": _NAMES,
        "test_changed_options_make_another_session_and_do_not_touch_the_first": _PATH_TEXT,
        "test_a_list_is_loaded_from_a_file": _PATH_TEXT,
    },
    "tests/unit/cli/output/test_report.py": {
        "test_an_older_report_is_replaced_through_a_link": _LINKS,
    },
    "tests/unit/cli/test_exit_codes.py": {
        "test_a_terminal_that_goes_away_ends_nothing_at_once_however_often_it_says_so": _SIGNALS,
    },
    "tests/unit/cli/test_logs.py": {
        "test_a_log_on_a_full_disk_is_told_of_once_and_ends_nothing": _FULL,
    },
    "tests/unit/config/test_preferences_file.py": {
        "test_only_what_is_named_is_written_and_the_rest_is_kept": _MODES,
    },
    "tests/unit/config/test_profiles_file.py": {
        "test_a_file_is_for_its_owner_alone_and_a_link_stays_a_link": _LINKS,
    },
    "tests/unit/test_atomic_file.py": {
        "test_a_link_stays_a_link": _LINKS,
        "test_the_umask_decides_who_may_read_it": _MODES,
    },
    "tests/unit/storage/test_command_records.py": {
        "test_the_database_is_for_its_owner_alone": _MODES,
    },
    "tests/unit/storage/test_file_system.py": {
        "test_a_path_that_does_not_exist_is_on_the_file_system_of_its_folder": _MOUNTS,
    },
    "tests/unit/storage/test_folder_features.py": {
        "test_a_call_that_fails_is_a_missing_feature_whatever_its_number": _TRIALS,
        "test_a_file_system_that_answers_for_another_machine_shares_no_memory": _TRIALS,
    },
    "tests/unit/storage/test_heartbeat.py": {
        "test_a_claim_of_a_frozen_process_of_this_machine_is_taken_over_where_that_is_wanted": (
            _ALIVE
        ),
        "test_a_claim_of_a_process_of_this_machine_that_has_ended_is_taken_over_at_once": _ALIVE,
        "test_a_claim_of_a_process_that_has_ended_unnoticed_is_taken_over": _ALIVE,
    },
    "tests/unit/cli/commands/test_verify.py": {
        "test_files_that_cannot_be_read_are_not_to_be_moved_away": _LINKS,
        "test_unreadable_files_are_counted_apart": _LINKS,
    },
    "tests/unit/storage/test_verify.py": {
        "test_what_cannot_be_read_is_not_called_damaged": _LINKS,
    },
    "tests/unit/storage/test_writers.py": {
        "test_a_folder_of_writers_that_is_out_of_reach_is_named": _LINKS,
        "test_the_claim_of_a_process_that_is_gone_is_taken_over": _ALIVE,
    },
    "tests/unit/cli/test_shards.py": {
        "test_status_names_a_shard_that_is_gone": _ALIVE,
    },
    "tests/unit/storage/test_run_recorder.py": {
        "test_a_run_that_holds_the_folder_is_running": _ALIVE,
        "test_a_run_without_an_instance_yet_has_a_status": _ALIVE,
        "test_a_run_that_was_killed_is_gone": _ALIVE,
    },
    "tests/unit/storage/test_folder.py": {
        "test_a_link_to_nowhere_as_the_output_folder_is_told_and_not_tried_for_ever": _LINKS,
    },
    "tests/unit/storage/test_history.py": {"test_it_is_the_users_alone": _MODES},
    "tests/unit/storage/test_journal.py": {
        "test_an_instance_that_came_again_is_not_synced_because_it_was": _FOLDER_SYNC,
        "test_a_journal_that_is_refused_is_closed": _PROC,
        "test_the_names_of_the_folders_above_an_instance_are_synced_once": _FOLDER_SYNC,
    },
    "tests/unit/storage/test_journal_database.py": {
        "test_a_folder_may_have_any_name": _NAMES,
    },
}
TESTS = {f"{file}::{test}": why for file, tests in _OF_FILE.items() for test, why in tests.items()}
