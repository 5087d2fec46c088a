"""What the PACS says it holds of a study, as C-FIND told us."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstance:
    """One instance that the PACS listed at the IMAGE level."""

    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str | None = None
    """SOP Class UID (0008,0016); None where it was not asked for, or where the PACS does not return
    it (dcmqrscp does not)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What there is to retrieve of one study, and how sure we are of it."""

    study_instance_uid: str
    listed: bool
    """True if C-FIND at the IMAGE level answered, so that `instances` is the whole truth."""
    instances: tuple[ListedInstance, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    study_classes: frozenset[str] = frozenset()
    """SOP Classes in Study (0008,0062), where that was asked for instead of each instance's."""
    modalities: frozenset[str] = frozenset()
    """Modality (0008,0060) of the series, a hint for what to negotiate."""
    announced_count: int | None = None
    """Instances by the PACS's own count, where it gave one; never proof of anything."""
    patient_id: str | None = None
    """Patient ID (0010,0020), asked for only where the Patient Root model is all there is."""
    absent: tuple[str, ...] = ()
    """Series and SOP Instance UIDs that were asked for by name, and are not among what there is."""
    doubt: str = ""
    """Why the listing may not be trusted, in words; empty if there is no reason to think so."""

    @property
    def sop_class_uids(self) -> frozenset[str]:
        """The SOP classes that are known; incomplete where `classes_known` is False."""
        own = frozenset(i.sop_class_uid for i in self.instances if i.sop_class_uid)
        return own | self.study_classes

    @property
    def classes_known(self) -> bool:
        """True if the PACS told the SOP class of all that it listed."""
        told = bool(self.study_classes) or all(i.sop_class_uid for i in self.instances)
        return self.listed and told

    @property
    def sop_instance_uids(self) -> frozenset[str]:
        """Every SOP Instance UID that was listed."""
        return frozenset(i.sop_instance_uid for i in self.instances)

    @property
    def empty(self) -> bool:
        """True if the PACS answered and has nothing that matches."""
        return self.listed and not self.instances
