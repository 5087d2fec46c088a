"""A structured report: findings and an impression, in plain text under coded headings.

Source: PS3.3 section A.35.1 (Basic Text SR) and C.17; the codes are those of PS3.16 TID 2000.
"""

from collections.abc import Iterable

from pydicom.dataset import Dataset

from dicom_retrieve_tui.demo.instances import Attributes, SeriesPlan, assign
from dicom_retrieve_tui.model.sop_classes import EXPLICIT_VR_LITTLE_ENDIAN

_TITLE = ("18748-4", "LN", "Diagnostic Imaging Report")
_FINDINGS = ("121070", "DCM", "Findings")
_FINDING = ("121071", "DCM", "Finding")
_IMPRESSIONS = ("121072", "DCM", "Impressions")
_IMPRESSION = ("121073", "DCM", "Impression")

Code = tuple[str, str, str]
"""Code Value, Coding Scheme Designator, Code Meaning."""


def report_series(
    description: str, *, findings: Iterable[str], impressions: Iterable[str]
) -> SeriesPlan:
    """Return one unverified report."""
    common: Attributes = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11",
        "Modality": "SR",
        "SeriesDescription": description,
        "ReferencedPerformedProcedureStepSequence": [],
        "PerformedProcedureCodeSequence": [],
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
    }
    content = [
        _section(_FINDINGS, _FINDING, findings),
        _section(_IMPRESSIONS, _IMPRESSION, impressions),
    ]
    document: Attributes = {
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": [_coded(_TITLE)],
        "ContinuityOfContent": "SEPARATE",
        "ContentTemplateSequence": [
            _item({"MappingResource": "DCMR", "TemplateIdentifier": "2000"})
        ],
        "ContentSequence": content,
    }
    return SeriesPlan(
        name=description,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        common=common,
        instances=[document],
    )


def _section(heading: Code, concept: Code, texts: Iterable[str]) -> Dataset:
    return _item(
        {
            "RelationshipType": "CONTAINS",
            "ValueType": "CONTAINER",
            "ConceptNameCodeSequence": [_coded(heading)],
            "ContinuityOfContent": "SEPARATE",
            "ContentSequence": [_text(concept, text) for text in texts],
        }
    )


def _text(concept: Code, text: str) -> Dataset:
    return _item(
        {
            "RelationshipType": "CONTAINS",
            "ValueType": "TEXT",
            "ConceptNameCodeSequence": [_coded(concept)],
            "TextValue": text,
        }
    )


def _coded(code: Code) -> Dataset:
    value, scheme, meaning = code
    return _item({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})


def _item(attributes: Attributes) -> Dataset:
    item = Dataset()
    assign(item, attributes)
    return item
