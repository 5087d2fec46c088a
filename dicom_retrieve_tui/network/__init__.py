"""The upper layer protocol, DIMSE and the Storage SCP, without pydicom or pynetdicom."""
