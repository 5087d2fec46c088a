"""What comes after a session: the list of what failed, and the words for how it went.

No screen is known here; the thread of the session writes, and the application tells.
"""

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.tui.failed_list import FailedLists
from dicom_retrieve_tui.tui.jobs import JobEnded


def list_failed(lists: FailedLists, ended: JobEnded) -> str:
    """Write what failed; returns where that is listed, or an empty text where nothing did."""
    if ended.reason:  # the folder may be somebody else's just now
        return ""
    try:
        return str(lists.keep(ended.terms.settings.output, ended.failed) or "")
    except OSError as error:
        return f"nowhere: {error.strerror}"


def toast_text(ended: JobEnded, listed: str) -> str:
    """How a session went, that told its story to the end.

    Args:
        ended: The session.
        listed: Where the studies are listed that failed.
    """
    verdicts = ", ".join(f"{number:,} {word}" for word, number in ended.verdicts.items())
    missing = f" ({count(ended.missing, 'instance')} missing)" if ended.missing else ""
    text = f"{count(len(ended.endings), 'study')}: {verdicts}{missing}"
    if not ended.endings:
        text = "Nothing was begun."
    return f"{text}\nWhat failed is listed in {listed}" if listed else text
