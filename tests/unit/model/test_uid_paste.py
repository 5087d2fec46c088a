from dicom_retrieve_tui.model.uid_paste import BadLine, read_pasted_uids

A, B, C = "1.2.840.1.1", "1.2.840.1.2", "1.2.840.1.3"


def test_one_uid_with_the_line_end_that_came_along() -> None:
    assert read_pasted_uids(f"  {A}\r\n").uids == (A,)


def test_lines_commas_and_quotes_all_separate() -> None:
    assert read_pasted_uids(f'{A}\n{B}, {C}\n"1.2.840.1.4";[1.2.840.1.5]').uids == (
        *(A, B, C),
        *("1.2.840.1.4", "1.2.840.1.5"),
    )


def test_duplicates_are_counted_and_kept_once() -> None:
    pasted = read_pasted_uids(f"{A}\n{B}\n{A}\n{A}")

    assert (pasted.uids, pasted.duplicates) == ((A, B), 2)


def test_a_bad_line_is_named_and_costs_no_other() -> None:
    pasted = read_pasted_uids(f"{A}\n\n# note\n1.2.840.\n{B}")

    assert pasted.uids == (A, B)
    assert pasted.bad == (
        BadLine(4, "1.2.840.", "has an empty component (a period at an end, or two in a row)"),
    )
    assert str(pasted.bad[0]).startswith("line 4: '1.2.840.' has an empty component")


def test_what_stands_beside_the_uids_of_a_table_is_no_fault() -> None:
    assert read_pasted_uids(f"Example^Ada, 2026.03.11, {A}, CT, 1.25").uids == (A,)


def test_a_heading_chooses_the_column() -> None:
    table = f"Patient,Study Instance UID,SeriesInstanceUID\nA,{A},9.9.9.9\nB,{B},9.9.9.8\nC"

    pasted = read_pasted_uids(table)

    assert pasted.uids == (A, B)
    assert [(bad.number, bad.text, bad.fault) for bad in pasted.bad] == [(4, "C", "is empty")]


def test_a_heading_alone_asks_for_nothing() -> None:
    assert read_pasted_uids("StudyInstanceUID\n") == read_pasted_uids("")


def test_words_are_bad_as_a_whole() -> None:
    (bad,) = read_pasted_uids("the wrong clipboard").bad

    assert (bad.text, bad.fault) == (
        "the wrong clipboard",
        "has characters other than digits and periods",
    )


def test_a_short_uid_on_a_line_of_its_own_counts() -> None:
    assert read_pasted_uids("1.2.3").uids == ("1.2.3",)
    assert read_pasted_uids("1.2.3, 1.2.4").uids == ("1.2.3", "1.2.4")
