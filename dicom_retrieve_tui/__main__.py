"""`python -m dicom_retrieve_tui` is the `dicom-retrieve` command."""

from dicom_retrieve_tui.cli.main import run

if __name__ == "__main__":
    run()
