"""A raw PACS whose list is not the whole truth: it gives no counts, and may cap or hide."""

from tests.peers.raw_pacs import Instance, RawPacs, Request, instances

_COUNTS = frozenset({0x00201208, 0x00201209})
"""Numbers of instances, of a study and of a series."""


class DoubtfulPacs(RawPacs):
    """Lists at most `cap` instances of a series, without counts, and none of `hidden` series."""

    cap: int | None = None
    hidden: frozenset[str] = frozenset()
    counts = False

    def __init__(self, holdings: list[Instance] | None = None) -> None:
        super().__init__(holdings if holdings is not None else instances(250))
        self.sent: list[str] = []
        """SOP Instance UIDs in the order in which they were sent, each time that one was."""

    def find(self, request: Request) -> list[dict[int, str]]:
        matches = super().find(request)
        if request.level == "SERIES":
            matches = [m for m in matches if m[0x0020000E] not in self.hidden]
        if request.level == "IMAGE" and self.cap is not None:
            matches = matches[: self.cap]
        if self.counts:
            return matches
        return [{tag: text for tag, text in m.items() if tag not in _COUNTS} for m in matches]
