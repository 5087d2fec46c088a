"""The upper layer, DIMSE and the Storage SCP; nothing here needs pydicom or pynetdicom."""
