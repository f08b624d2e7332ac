"""Where the labels of a diagram go: near their sign, not over each other. A label without room is left out.

Nothing is lost by that: every mark says what it is when the pointer rests on it, and the text form says it too.
"""

from __future__ import annotations

from typing import NamedTuple

from weaverlab.observe.drawing import Box, label_size, overlap


class Label(NamedTuple):
    text: str
    x: float
    y: float
    colour: str
    size: float


class Labels:
    """Labels placed so far, none over another or over a reserved sign, all between `left` and `right`."""

    def __init__(self, left: float, right: float) -> None:
        self._left = left
        self._right = right
        self._taken: list[Box] = []
        self.placed: list[Label] = []

    def reserve(self, x: float, y: float, half_width: float, half_height: float) -> None:
        """Keep labels off the sign around (x, y)."""
        self._taken.append(Box(x - half_width, y - half_height, 2 * half_width, 2 * half_height))

    def beside(
        self, text: str, x: float, y: float, colour: str, *, clear: float = 7, indent: float = -3, size: float = 10
    ) -> None:
        """Place `text` above or below a sign at (x, y) that is `clear` high, beginning `indent` right of it."""
        width, height = label_size(text, size)
        right, left = x + indent + width / 2, x - indent - width / 2
        above, below = y - clear - height / 2, y + clear + height / 2
        self._place(text, [(right, above), (right, below), (left, above), (left, below)], colour, size)

    def centred(self, text: str, x: float, y: float, colour: str, *, clear: float = 7, size: float = 10) -> None:
        """Place `text` below or above (x, y); when neither is free, below all the same: it is the main thing."""
        width, height = label_size(text, size)
        x = min(max(x, self._left + width / 2), self._right - width / 2)
        below, above = (x, y + clear + height / 2), (x, y - clear - height / 2)
        if not self._place(text, [below, above, (x + width / 2, below[1])], colour, size):
            self.placed.append(Label(text, *below, colour, size))

    def _place(self, text: str, places: list[tuple[float, float]], colour: str, size: float) -> bool:
        width, height = label_size(text, size)
        for x, y in places:
            plate = Box(x - width / 2, y - height / 2, width, height)
            is_inside = self._left <= plate.x and plate.x + width <= self._right
            if is_inside and not any(overlap(plate, other) for other in self._taken):
                self._taken.append(plate)
                self.placed.append(Label(text, x, y, colour, size))
                return True
        return False
