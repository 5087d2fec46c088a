"""An Orthanc that speaks TLS both ways, and wants a certificate of whoever calls."""

from collections.abc import Mapping
from pathlib import Path

from tests.interop.corpus import CT_CHEST, Study
from tests.interop.orthanc import Orthanc
from tests.interop.programs import run_tool
from tests.peers.certificates import Authority, Issued


class TlsOrthanc(Orthanc):
    """Holds one study. Its certificate is for `localhost` and `127.0.0.1`."""

    studies: tuple[Study, ...] = (CT_CHEST,)

    def __init__(self, folder: Path, move_ports: Mapping[str, int], authority: Authority) -> None:
        self.authority = authority
        self._shown = authority.issue("orthanc")
        super().__init__(folder, move_ports)

    def start(self) -> None:
        self._process.start(lambda: echoes(self.port, self.ae_title, self.authority, self._shown))
        for instance in CT_CHEST.instances:
            self._http("POST", "/instances", instance.file)

    def _configuration(self, folder: Path) -> dict[str, object]:
        return super()._configuration(folder) | {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(self._shown.certificate),
            "DicomTlsPrivateKey": str(self._shown.key),
            "DicomTlsTrustedCertificates": str(self.authority.certificate),
            "DicomTlsRemoteCertificateRequired": True,
            "DicomModalities": {
                ae_title.lower(): {
                    "AET": ae_title,
                    "Host": "127.0.0.1",
                    "Port": port,
                    "UseDicomTls": True,
                }
                for ae_title, port in self.move_ports.items()
            },
        }


def echoes(port: int, called_ae_title: str, trusted: Authority, shown: Issued) -> bool:
    """Whether a C-ECHO over TLS to a loopback port succeeds."""
    # A bad certificate is what some tests are about: -ic does not look at it.
    patience = ("-to", "5", "-ta", "5", "-td", "5")
    where = ("-aec", called_ae_title, "127.0.0.1", str(port))
    return run_tool("echoscu", *tool_tls(trusted, shown), "-ic", *patience, *where).returncode == 0


def tool_tls(trusted: Authority, shown: Issued) -> tuple[str, ...]:
    """DCMTK's flags for TLS in which both sides show a certificate."""
    return ("+tls", str(shown.key), str(shown.certificate), "+cf", str(trusted.certificate))
