"""The upper layer, DIMSE and the Storage SCP: the only importer of pynetdicom."""
