"""Whatever a data set says, it names a file below the folder."""

import os.path

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.layout import clean_component, clean_value, parse_layout
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT, HIERARCHICAL_LAYOUT

STUDY, SERIES, SOP = 0x0020000D, 0x0020000E, 0x00080018
PATIENT_NAME, PATIENT_ID, STUDY_ID = 0x00100010, 0x00100020, 0x00200010
_TAGS = [STUDY, SERIES, SOP, PATIENT_NAME, PATIENT_ID, STUDY_ID]
_NASTY = st.one_of(
    st.binary(max_size=90),
    st.text(max_size=90).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(alphabet="./\\ :\0\n~[]{}con", max_size=12).map(str.encode),
    st.sampled_from([b"..", b".", b"/", b"con", b"nul.", b"COM1 ", "\u202e".encode(), b"../x"]),
)
_LONG = "{PatientName}{PatientID}{StudyID}{PatientName}_{SOPInstanceUID}.dcm"


@settings(deadline=None, max_examples=75, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(_TAGS), _NASTY),
    st.sampled_from(
        [FLAT_LAYOUT, HIERARCHICAL_LAYOUT, "{PatientID}/{StudyID}{PatientName}/x" + _LONG, _LONG]
    ),
)
def test_no_value_leads_out_of_the_folder(values: dict[int, bytes], template: str) -> None:
    components = parse_layout(template).render(values)

    assert len(components) == template.count("/") + 1
    for name in components:
        assert name.strip(". ") == name.rstrip(". ") != ""
        assert all(c.isprintable() and c not in '/\\:*?"<>|' for c in name)
        assert len(name.encode()) <= 255
        assert clean_component(name) == name
    joined = os.path.normpath(os.path.join("/root/folder", *components))  # noqa: PTH118
    assert joined == "/root/folder/" + "/".join(components)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.text(max_size=100))
def test_cleaning_a_value_again_changes_nothing(text: str) -> None:
    once = clean_value(text)

    assert clean_value(once) == once
    assert 0 < len(once.encode()) <= 64
