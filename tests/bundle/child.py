"""The program of the other process: install a bundle, call `Root().run(*arguments)`, answer; until end of file."""

import pickle
import sys
import traceback
import types

from weaverlab.bundle import Bundle, install


def answer(bundle: bytes, arguments: bytes) -> bytes:
    sys.modules["__main__"] = types.ModuleType("__main__")
    install(Bundle.from_bytes(bundle))
    root = sys.modules["__main__"].Root()
    return pickle.dumps(root.run(*pickle.loads(arguments)))


def serve() -> None:
    while True:
        try:
            bundle, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply = (True, answer(bundle, arguments))
        except Exception:
            reply = (False, traceback.format_exc())
        pickle.dump(reply, sys.stdout.buffer)
        sys.stdout.buffer.flush()


serve()
