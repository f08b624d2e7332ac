"""How an exception crosses the wire: class, arguments, attributes, notes, the exceptions behind it, and where it rose.

What Python would show of an exception where it was raised, it shows where it arrives. Every exception behind the
raised one (cause, context, members of a group) is sent by itself, and refers to others by number. Each brings the
frames it passed through as a note, and each hop puts its own in front, so a caller of A, which called B, reads

    OutOfStock: only 3 of tea
    Traceback of Shop.buy at Shop/0:
      File "shop.py", line 20, in buy
    Traceback of Stock.take at Stock/1:
      File "stock.py", line 12, in take

An exception arrives as `RemoteApplicationError` when its class is not known in the caller's process, or it would end
that process (SystemExit, KeyboardInterrupt); a last line says what to do about it. Not in here: how one exception
becomes bytes (`remake`), and failures of the call itself.
"""

from __future__ import annotations

import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from weaverlab.errors import RemoteApplicationError
from weaverlab.runtime.remake import NOTES, Dump, load

SHOWS_NOTES = sys.version_info >= (3, 11)
EXCEPTIONS_MAX = 100  # in one failure: an endless chain ends here
FAILURE_BYTES_MAX = 16 * 1024 * 1024  # of all exceptions in one failure; more stays behind
BYTES_MIN = 64 * 1024  # one that comes when all the room is taken may still have this much
TEXT_CHARS_MAX = 20_000  # of each message, note and traceback; of longer ones the middle is left out

_LEFT_OUT = re.compile(r"\n\[\.\.\. (\d+) characters left out \.\.\.\]\n")
# Frames of WeaverLab say nothing about the application, so they are left out of remote tracebacks.
_OWN_FILES = (str(Path(__file__).parents[1]), "<handle to ")


@dataclass(frozen=True)
class _Sent:
    """One exception on its way; others are meant by their numbers."""

    type_name: str
    message: str = ""
    data: bytes = b""  # empty where the exception cannot be made again
    notes: tuple[str, ...] = ()
    way: str = ""  # the frames that it passed through, hop by hop
    remarks: tuple[str, ...] = ()  # what did not arrive and why, for whoever reads the traceback
    cause: int | None = None
    context: int | None = None
    hides_context: bool = False


@dataclass(frozen=True)
class Failure:
    """An exception on its way, and those behind it."""

    exceptions: tuple[_Sent, ...]

    @property
    def type_name(self) -> str:
        return self.exceptions[0].type_name


class RemoteTraceback(Exception):
    """Stands in for notes on Python 3.10, which shows none: its text is what they would say."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Way(str):
    """The note with the frames of the hops so far: what the next hop puts its own in front of."""


def pack(error: BaseException, where: str) -> Failure:
    """Return what to send for `error`, which `where` ("Shop.buy at Shop/1") raised. Never raises."""
    try:
        return _Packing(error, where).failure()
    except BaseException as fault:  # out of memory, say; whatever it is, the caller must not wait for nothing
        remark = f"Nothing more is known: {type(fault).__name__} while it was packed."
        return Failure((_Sent(type(error).__qualname__, remarks=(remark,)),))


def unpack(failure: Failure) -> BaseException:
    """Return the exception to raise in the caller. Raises nothing, but lets a Ctrl-C through."""
    return _Unpacking(failure).error()


def remote_traceback(error: BaseException) -> str:
    """Return `error` as Python would show it, with the application's frames only where there are any."""
    shown = traceback.TracebackException.from_exception(error)
    behind: list[traceback.TracebackException | None] = [shown]
    while behind:
        if one := behind.pop():
            one.stack = _of_application(one.stack)
            behind += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
    return "".join(shown.format())


class _Packing:
    """Packs one exception and, numbered as they are met, those behind it."""

    def __init__(self, error: BaseException, where: str) -> None:
        self._where = where
        self._found = [error]
        self._numbers = {id(error): 0}
        self._bytes_left = FAILURE_BYTES_MAX

    def failure(self) -> Failure:
        sent: list[_Sent] = []
        while len(sent) < len(self._found):  # it grows meanwhile
            sent.append(self._sent(self._found[len(sent)]))
        return Failure(tuple(sent))

    def _number(self, error: BaseException) -> int:
        """Return the number of an exception. Raises OverflowError when there are too many."""
        if id(error) not in self._numbers:
            if len(self._found) == EXCEPTIONS_MAX:
                raise OverflowError(f"more than {EXCEPTIONS_MAX} exceptions")
            self._numbers[id(error)] = len(self._found)
            self._found.append(error)
        return self._numbers[id(error)]

    def _sent(self, error: BaseException) -> _Sent:
        remarks: list[str] = []
        cause = self._behind(error.__cause__, remarks)
        context = self._behind(error.__context__, remarks)
        data = self._dumped(error, remarks)
        if not data and hasattr(error, "derive"):  # a group, whose members would be lost with it
            remarks.append(shortened(remote_traceback(error)))
        notes, way = _notes(error)
        return _Sent(
            type(error).__qualname__,
            shortened(_text(error)),
            data,
            tuple(shortened(note) for note in notes),
            shortened(self._frames(error) + way),
            tuple(remarks),
            cause,
            context,
            error.__suppress_context__,
        )

    def _behind(self, error: BaseException | None, remarks: list[str]) -> int | None:
        if error is None or isinstance(error, RemoteTraceback):
            return None
        try:
            return self._number(error)
        except OverflowError as fault:
            remarks.append(f"What is behind it is left out: {fault}.")
            return None

    def _dumped(self, error: BaseException, remarks: list[str]) -> bytes:
        name = type(error).__qualname__
        if not isinstance(error, Exception):
            remarks.append(f"{name} would have ended this process, so only its description is raised.")
            return b""
        dump = Dump(error, self._bytes_left, self._number)
        self._bytes_left = max(self._bytes_left - len(dump.data), BYTES_MIN)
        if dump.left_behind:
            what = ", ".join(dump.left_behind)
            remarks.append(f"{name} arrived without its {what}: it cannot be pickled, or is too large.")
        if dump.why_not:
            remarks.append(f"{name} cannot be sent, only its description: {shortened(dump.why_not)}")
        return dump.data

    def _frames(self, error: BaseException) -> str:
        """Return the frames that `error` passed through in this process."""
        if error.__traceback__ is None:
            return ""
        frames = _of_application(traceback.extract_tb(error.__traceback__))
        return f"Traceback of {self._where}:\n" + "".join(frames.format())


class _Unpacking:
    """Makes the exceptions of one failure."""

    def __init__(self, failure: Failure) -> None:
        self._sent = failure.exceptions
        self._made: dict[int, BaseException] = {}
        self._being_made: set[int] = set()

    def error(self) -> BaseException:
        for number in range(len(self._sent)):
            self._find(number)
        for number, sent in enumerate(self._sent):
            self._link(self._made[number], sent)
        error = self._made[0]
        if not SHOWS_NOTES:
            _show_without_notes(error, self._shown())
        return error

    def _find(self, number: int) -> BaseException:
        """Return the exception with this number; make it if need be."""
        if number in self._made:
            return self._made[number]
        if number in self._being_made:
            raise ValueError("an exception is an argument of its own argument")
        self._being_made.add(number)
        sent = self._sent[number]
        remarks = sent.remarks
        try:
            error = self._load(number) if sent.data else None
        except KeyboardInterrupt:
            raise
        except BaseException as fault:  # the exception's own code runs here
            error = None
            why = f"{type(fault).__name__}: {_text(fault)}"
            remarks = (f"{sent.type_name} cannot be made in this process: {shortened(why)}",)
        if error is None:
            error = RemoteApplicationError(sent.type_name, sent.message, sent.way)
        self._made[number] = error
        notes = [*sent.notes, *([_Way(sent.way)] if sent.way else []), *remarks]
        if notes:
            vars(error)[NOTES] = notes  # as `add_note` does, but in a frozen dataclass too
        return error

    def _load(self, number: int) -> BaseException:
        def begun(error: BaseException) -> None:
            self._made[number] = error

        try:
            error = load(self._sent[number].data, self._find, begun)
        except BaseException:
            self._made.pop(number, None)
            raise
        if not isinstance(error, Exception):
            raise TypeError(f"a {type(error).__qualname__} was made of it")
        return error

    def _link(self, error: BaseException, sent: _Sent) -> None:
        """Set what is behind `error`, as `raise ... from` and `except` did, in a frozen dataclass too."""
        cause, context = (None if n is None else self._made[n] for n in (sent.cause, sent.context))
        object.__setattr__(error, "__cause__", cause)
        object.__setattr__(error, "__context__", context)
        object.__setattr__(error, "__suppress_context__", sent.hides_context)

    def _shown(self) -> str:
        """Return what notes would show of all exceptions, the innermost first, as Python does."""
        blocks = [
            "\n".join([f"{sent.type_name}: {sent.message}", *vars(self._made[number]).get(NOTES, ())]).rstrip("\n")
            for number, sent in enumerate(self._sent)
        ]
        return "\n\n".join(reversed(blocks))


def _show_without_notes(error: BaseException, text: str) -> None:
    """Put `text` where Python 3.10 shows it: behind the last exception that it shows. A chain that goes round ends."""
    seen = {id(error)}
    last, behind = error, _shown_behind(error)
    while behind is not None and id(behind) not in seen:
        seen.add(id(behind))
        last, behind = behind, _shown_behind(behind)
    hides_context = last.__suppress_context__
    object.__setattr__(last, "__cause__", RemoteTraceback(text))
    object.__setattr__(last, "__suppress_context__", hides_context)


def _shown_behind(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _of_application(frames: traceback.StackSummary) -> traceback.StackSummary:
    """Return the frames that are not WeaverLab's, or all when there are no others."""
    others = [frame for frame in frames if not frame.filename.startswith(_OWN_FILES)]
    return traceback.StackSummary.from_list(others) if others else frames


def _notes(error: BaseException) -> tuple[list[str], str]:
    """Return the notes that somebody wrote, and the frames of the hops so far."""
    notes = vars(error).get(NOTES, ())
    if not isinstance(notes, (list, tuple)):  # Python says that it is a list, and lets it be anything
        return [], ""
    written = [str(note) for note in notes if isinstance(note, str) and not isinstance(note, _Way)]
    return written, "".join(note for note in notes if isinstance(note, _Way))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except (Exception, SystemExit, GeneratorExit) as fault:
        return f"<its __str__ raised {type(fault).__name__}>"


def shortened(text: str) -> str:
    """Return `text`, or its two ends if it is too long, with how much was left out this time and before."""
    if len(text) <= TEXT_CHARS_MAX:
        return text
    half = TEXT_CHARS_MAX // 2
    head, middle, tail = text[:half], text[half:-half], text[-half:]
    before = sum(int(count) for count in _LEFT_OUT.findall(middle))
    return f"{head}\n[... {len(_LEFT_OUT.sub('', middle)) + before} characters left out ...]\n{tail}"
