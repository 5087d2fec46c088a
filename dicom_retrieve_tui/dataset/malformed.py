"""The error of everything that reads data sets."""


class MalformedDataSet(ValueError):
    """The bytes do not come out even as a data set."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what}, at byte {at}")
