"""What a retrieval loads when it begins: imported by those whose clock leaves the start-up out."""

import dicom_retrieve_tui.engine.receiver
import dicom_retrieve_tui.engine.run
import dicom_retrieve_tui.engine.run_forecast
import dicom_retrieve_tui.engine.study
import dicom_retrieve_tui.network.peer
import dicom_retrieve_tui.network.rate_limit
import dicom_retrieve_tui.storage.history_database
import dicom_retrieve_tui.storage.run_recorder
import dicom_retrieve_tui.storage.store  # noqa: F401
