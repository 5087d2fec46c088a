"""With whom we talk and where the files go: what stays the same for a whole run."""

from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.model.address import PeerAE
from dicom_retrieve_tui.model.allowed_callers import AllowedCaller
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.options import DEFAULT_KEEP_FREE, MAX_PDU_BYTES, KeepFree
from dicom_retrieve_tui.model.security import TlsSettings, UserIdentity

DEFAULT_CALLING_AE_TITLE = "DICOMRETRIEVE"
DEFAULT_CALLED_AE_TITLE = "ANY-SCP"
DEFAULT_TIMEOUT_S = 60.0
PRIVATE_UMASK = 0o077
"""Files and folders are for their owner alone."""
FLAT_LAYOUT = "{SOPInstanceUID}.dcm"
HIERARCHICAL_LAYOUT = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that wiring needs to know beside the plan."""

    peer: PeerAE
    calling_ae_title: str = DEFAULT_CALLING_AE_TITLE
    output: Path
    """The folder for the files; created if missing."""
    layout: str = FLAT_LAYOUT
    """Template of a file's path below the output folder."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Seconds without an answer or a byte before an association is given up."""
    query_model: QueryModel = QueryModel.AUTO
    max_pdu_bytes: int = MAX_PDU_BYTES
    """Largest PDU that the PACS may send us."""
    listen: tuple[str | None, int] | None = None
    """Host and port of our own Storage SCP; host None is the interface towards the PACS, port 0
    any free one. None: no listener."""
    umask: int = PRIVATE_UMASK
    """Permissions that what we write does not give; as of the shell's command."""
    keep_free: KeepFree = DEFAULT_KEEP_FREE
    """What of the output folder's disk stays free."""
    accept_from: tuple[AllowedCaller, ...] = ()
    """Who may send to it beside the PACS's own addresses."""
    tls: TlsSettings | None = None
    """None: unencrypted."""
    user: UserIdentity | None = None
    """In whose name to ask; None: nobody's."""

    @property
    def dangers(self) -> tuple[str, ...]:
        """What a security officer would not like; to be said on every run."""
        found = []
        if self.tls is not None and not self.tls.verify:
            found.append(
                "--tls-insecure: no certificate is verified, so anybody on the way can read and "
                "change what is sent."
            )
        if self.tls is None and self.user is not None and self.user.passcode is not None:
            found.append("The passcode goes to the PACS unencrypted; add --tls.")
        return tuple(found)
