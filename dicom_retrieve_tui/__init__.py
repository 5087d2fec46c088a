"""Retrieve DICOM studies from a PACS, and prove that they are complete.

::

    from dicom_retrieve_tui import Pacs, retrieve

    pacs = Pacs("pacs.example.org", 11112, called_ae_title="ARCHIVE", method="c-get")
    with retrieve(pacs, ["1.2.840.113619.2.1"], "study_dir") as events:
        for event in events:
            print(event)
    print(events.account().verdict)

`docs/guide/python.md` has more. Names are loaded when they are first used.
"""

# Type checkers assume that a constant of this name is true. The command imports this package before
# it can catch a signal, so that nothing slow is imported here, not even `typing`.
TYPE_CHECKING = False

__version__ = "1.0.0"

__all__ = [
    "AssociationAborted",
    "AssociationClosed",
    "AssociationOpened",
    "AssociationRejected",
    "AttemptFailed",
    "AttemptStarted",
    "BytesReceived",
    "ConfigError",
    "ContextNotAccepted",
    "DateRange",
    "DiskFailed",
    "Event",
    "Flaw",
    "Flawed",
    "HelpFinished",
    "HelpStarted",
    "InstanceRefused",
    "InstanceSetAside",
    "InstanceStored",
    "InstanceUnfit",
    "Level",
    "Match",
    "Method",
    "Noted",
    "OperationFailed",
    "Pacs",
    "PeerCounted",
    "PeerError",
    "PeerTimeout",
    "PeerUnreachable",
    "Progress",
    "ProtocolError",
    "QueryModel",
    "Retrieval",
    "RetrieveAccount",
    "RetrieveError",
    "RetrieveFinished",
    "RetrieveKeywords",
    "RetrieveStarted",
    "RunPaused",
    "RunResumed",
    "SearchResult",
    "Secret",
    "Selection",
    "SeriesSelection",
    "SpaceForecast",
    "StoreError",
    "StudyAccount",
    "StudyFinished",
    "StudyInventoried",
    "StudyProgress",
    "StudyPromoted",
    "StudyQueued",
    "StudyRemoved",
    "StudyStarted",
    "TlsSettings",
    "Verdict",
    "VerifiedStudy",
    "WrongPassphrase",
    "__version__",
    "echo",
    "event_fields",
    "find",
    "retrieve",
    "retrieve_all",
    "verify",
]

if TYPE_CHECKING:
    from dicom_retrieve_tui.api import (
        Pacs,
        Retrieval,
        RetrieveAccount,
        RetrieveKeywords,
        SearchResult,
        StudyAccount,
        echo,
        find,
        retrieve,
        retrieve_all,
        verify,
    )
    from dicom_retrieve_tui.errors import (
        AssociationAborted,
        AssociationRejected,
        ConfigError,
        ContextNotAccepted,
        DiskFailed,
        InstanceUnfit,
        OperationFailed,
        PeerError,
        PeerTimeout,
        PeerUnreachable,
        ProtocolError,
        RetrieveError,
        StoreError,
        WrongPassphrase,
    )
    from dicom_retrieve_tui.model.choices import Level, Method, QueryModel
    from dicom_retrieve_tui.model.dates import DateRange
    from dicom_retrieve_tui.model.events import (
        AssociationClosed,
        AssociationOpened,
        AttemptFailed,
        AttemptStarted,
        BytesReceived,
        Event,
        HelpFinished,
        HelpStarted,
        InstanceRefused,
        InstanceSetAside,
        InstanceStored,
        Noted,
        PeerCounted,
        RetrieveFinished,
        RetrieveStarted,
        RunPaused,
        RunResumed,
        SpaceForecast,
        StudyFinished,
        StudyInventoried,
        StudyPromoted,
        StudyQueued,
        StudyRemoved,
        StudyStarted,
        event_fields,
    )
    from dicom_retrieve_tui.model.progress import Progress, StudyProgress
    from dicom_retrieve_tui.model.search import Match
    from dicom_retrieve_tui.model.security import Secret, TlsSettings
    from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
    from dicom_retrieve_tui.model.verdict import Verdict
    from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
else:
    _MODULES = (
        "api",
        "errors",
        "model.choices",
        "model.dates",
        "model.events",
        "model.progress",
        "model.search",
        "model.security",
        "model.security",
        "model.selection",
        "model.verdict",
        "model.verify_result",
    )

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - see above

        if name in __all__:
            for module in _MODULES:
                found = getattr(import_module(f"{__name__}.{module}"), name, None)
                if found is not None:
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
