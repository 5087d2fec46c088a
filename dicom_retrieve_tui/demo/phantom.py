"""Pictures that resemble anatomy: ellipses, a fan and grain, drawn by whole rows of bytes.

Pure Python, quick because it copies a span at a time and never touches a single pixel; the same
call gives the same bytes. Positions and radii are fractions of the picture's width and height.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol


class Shape(Protocol):
    """Something that covers at most one span of each row."""

    @property
    def pixel(self) -> bytes:
        """Value of a covered pixel, as stored."""

    def spans(self, columns: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """Yield row, first column and the column after the last, inside the picture."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse with its axes along rows and columns."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    pixel: bytes

    def spans(self, columns: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """Yield row, first column and the column after the last, inside the picture."""
        top = max(0, math.ceil((self.y - self.radius_y) * rows))
        bottom = min(rows, math.ceil((self.y + self.radius_y) * rows))
        for row in range(top, bottom):
            height = (row / rows - self.y) / self.radius_y
            half = self.radius_x * math.sqrt(max(0.0, 1 - height * height))
            yield row, _column(self.x - half, columns), _column(self.x + half, columns)


@dataclass(frozen=True, slots=True)
class Fan:
    """The sector below an ultrasound probe in the middle of the top edge."""

    slope: float
    """Widening: half the width for each row down, in widths per height."""
    depth: float
    pixel: bytes

    def spans(self, columns: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """Yield row, first column and the column after the last, inside the picture."""
        for row in range(min(rows, math.ceil(self.depth * rows))):
            down = row / rows
            half = min(self.slope * down, math.sqrt(self.depth**2 - down**2))
            yield row, _column(0.5 - half, columns), _column(0.5 + half, columns)


def draw(shapes: Iterable[Shape], *, over: bytes, columns: int) -> bytes:
    """Return the pixels of a picture, row by row, later shapes over earlier ones.

    Args:
        over: The picture to start from, its pixels as long as those of every shape.
    """
    canvas = bytearray(over)
    for shape in shapes:
        size = len(shape.pixel)
        line = shape.pixel * columns
        for row, first, end in shape.spans(columns, len(over) // (columns * size)):
            start = (row * columns + first) * size
            length = (end - first) * size
            canvas[start : start + length] = line[:length]
    return bytes(canvas)


def grained(pixels: bytes, *, mask: bytes, name: str) -> bytes:
    """Return the picture with grain that depends on `name`, so that no two are equal.

    The whole picture is added as one long number: `mask` has to leave the sum of a pixel and its
    grain within the pixel.

    Args:
        mask: The bits of one pixel that the grain may set.
    """
    size = len(pixels)
    grain = noise(size, name=name, mask=mask * (size // len(mask)))
    total = int.from_bytes(pixels, "little") + int.from_bytes(grain, "little")
    return total.to_bytes(size, "little")


def noise(size: int, *, name: str, mask: bytes) -> bytes:
    """Return `size` bytes that depend on `name` alone, with bits of `mask` only."""
    stream = hashlib.shake_128(name.encode()).digest(size)
    masked = int.from_bytes(stream, "little") & int.from_bytes(mask, "little")
    return masked.to_bytes(size, "little")


def grey(value: int) -> bytes:
    """Return one 16-bit pixel as stored, little endian."""
    return value.to_bytes(2, "little")


def _column(position: float, columns: int) -> int:
    return min(columns, max(0, round(position * columns)))
