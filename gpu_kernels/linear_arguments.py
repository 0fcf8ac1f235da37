"""What ``linear`` is asked: an operation, and a list or matrix from a formula or an array."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from .expression import Expression, Formula, check_names, parse
from .kernel import Arguments, Colour, InputArray
from .prelude import known_palette

Operation = Literal["matmul", "fft", "fft2d", "reduce", "scan", "sort", "histogram"]

NAMES = ("i", "j", "n", "x", "y")
SIZES: dict[str, tuple[int, int]] = {
    "matmul": (256, 4096), "fft": (2048, 2**22), "fft2d": (256, 2048), "reduce": (4096, 2**24),
    "scan": (4096, 2**24), "sort": (256, 2**22), "histogram": (100_000, 2**24),
}  # fmt: skip
"""Operation → the default and the largest size."""
VALUES: dict[str, str] = {
    "matmul": "sin(9*x + 5*y*y) + 0.4*cos(23*y)",
    "fft": "where(fract(3*x) < 0.5, 1, -1) + 0.5*where(fract(7*x) < 0.5, 1, -1)",
    "fft2d": "where(hypot(x - 0.5, y - 0.5) < 0.12 + 0.2*abs(cos(2.5*atan2(y - 0.5, x - 0.5))), 1,"
             " -0.4) + 0.5*where(hypot(x - 0.5, y - 0.5) < 0.07, -2, 0)",
    "reduce": "sin(9*x)*exp(-x) + 0.5*random(i) - 0.1", "scan": "random(i) - 0.5",
    "sort": "random(i)", "histogram": "random(i) + random(i, 1) + 1.3*random(i, 2)**3",
}  # fmt: skip
OTHER = "cos(8*x*y + 3*x) - 0.5*sin(17*y*y)"
LISTS = ("reduce", "scan", "histogram")
COUNTERS = 64


class LinearArguments(Arguments):
    """``operation`` decides which of the other arguments count."""

    width: int = Field(512, ge=64, le=2048)
    height: int = Field(512, ge=64, le=2048)
    operation: Operation = "sort"
    size: int | None = Field(None, ge=1, le=2**24)
    """Elements of a list, or of a side of a square matrix; powers of two for Fourier transforms."""
    values: Formula = ""
    """Of i (row or place in a list), j (column), n (the size), x and y (0 to 1 along j and i; x
    along a list) and the parameters; ``random(i, j)`` gives chances. Something to look at where
    nothing is given."""
    other: Formula = ""
    """The right factor of a product."""
    input: InputArray | None = None
    """In place of ``values``: float32, of one axis for a list, two for a matrix."""
    other_input: InputArray | None = None
    """In place of ``other``."""
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=32)
    bins: int = Field(64, ge=2, le=1024)
    """Of a histogram."""
    unit: str = Field("", max_length=20)
    """Of a list's values."""
    palette: str = ""
    background: Colour = "#05060f"
    glow: float = Field(0.3, ge=0, le=5)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.palette:
            known_palette(self.palette)
        check_names(self.parameters, NAMES)
        most = SIZES[self.operation][1]
        if max(self.shape) > most:
            raise ValueError(f"size may be at most {most} for {self.operation}")
        if self.operation == "matmul":
            rows, inner = self.shape
            if self.other_shape[0] != inner:
                raise ValueError(f"{rows}x{inner} times {self.other_shape} does not fit")
            if max(self.other_shape) > most:
                raise ValueError(f"size may be at most {most} for matmul")
        if self.operation in ("fft", "fft2d"):
            for n in self.shape:
                if n & (n - 1) or (n < 2 and self.operation == "fft2d"):
                    raise ValueError(f"a Fourier transform needs powers of two, not {n}")
        if self.operation == "fft" and self.shape[1] < 2:
            raise ValueError("a Fourier transform needs at least 2 numbers")
        return self

    def _array(self, given: InputArray, axes: int) -> tuple[int, int]:
        if given.dtype != "float32" or len(given.shape) != axes:
            text = f"{given.dtype} with {len(given.shape)} axes"
            raise ValueError(f"input is {text}; {self.operation} needs float32 with {axes}")
        return (given.shape[0], given.shape[1]) if axes == 2 else (1, given.shape[0])

    @property
    def flat(self) -> bool:
        """Whether it works on a list."""
        return self.operation not in ("matmul", "fft2d")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the input; a list has one row."""
        if self.input is not None:
            return self._array(self.input, 1 if self.flat else 2)
        n = self.size or SIZES[self.operation][0]
        return (1, n) if self.flat else (n, n)

    @property
    def other_shape(self) -> tuple[int, int]:
        """Rows and columns of a product's right factor."""
        if self.other_input is not None:
            return self._array(self.other_input, 2)
        return self.shape[1], self.size or self.shape[1]

    @property
    def formula(self) -> Expression:
        """Of the input."""
        return self._parsed(self.values or VALUES[self.operation])

    @property
    def other_formula(self) -> Expression:
        """Of a product's right factor."""
        return self._parsed(self.other or OTHER)

    def _parsed(self, text: str) -> Expression:
        return parse(text, (*NAMES, *self.parameters))

    @property
    def colours(self) -> str:
        """The palette."""
        usual = {"matmul": "ice_fire", "fft": "ice_fire", "fft2d": "ice_fire", "sort": "spectrum"}
        return self.palette or usual.get(self.operation, "sunset")

    @property
    def padded(self) -> int:
        """The next power of two, which a sorting network needs."""
        return max(2, 1 << (self.shape[1] - 1).bit_length())

    @property
    def stages(self) -> int:
        """Of the sorting network."""
        levels = self.padded.bit_length() - 1
        return levels * (levels + 1) // 2

    @property
    def steps(self) -> int:
        """Rounds a frame."""
        if self.operation == "sort" and self.frames > 1:
            return -(-self.stages // (self.frames - 1))
        return 1

    @property
    def rounds(self) -> int:
        """Rounds in which the work is done; later ones begin anew."""
        return max(1, (self.frames - 1) * self.steps)
