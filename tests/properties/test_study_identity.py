"""The identity of a study keeps what is known of it."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity

_TEXTS = st.text(max_size=6)


_IDENTITIES = st.builds(
    StudyIdentity,
    patient_name=_TEXTS,
    patient_id=_TEXTS,
    study_date=_TEXTS,
    modalities=st.lists(_TEXTS, max_size=2).map(tuple),
    study_description=_TEXTS,
    accession_number=_TEXTS,
)


@given(_IDENTITIES, _IDENTITIES)
def test_a_known_value_is_never_replaced_by_another_source(
    ours: StudyIdentity, theirs: StudyIdentity
) -> None:
    joined = ours | theirs

    for name in ("patient_name", "study_date", "modalities"):
        assert getattr(joined, name) == (getattr(ours, name) or getattr(theirs, name))
    assert bool(joined) == (bool(ours) or bool(theirs))
    assert ours | UNIDENTIFIED == ours
