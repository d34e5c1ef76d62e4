"""Work that nobody waits for: asked for in; done in a thread, once for all who asked meanwhile, out."""

import threading
from collections.abc import Callable

from raytrain.errors import InputError


class Meanwhile:
    """Brings something up to date in the background, while whoever asks goes on."""

    def __init__(self, work: Callable[[], object]) -> None:
        """What the work refuses as bad input ends it here: whoever asks reads the same files, and says so."""
        self._work = work
        self._asked, self._over = threading.Event(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Let the work be done soon; at once where it is not being done."""
        self._asked.set()

    def close(self) -> None:
        """Wait until what is being done is done; nothing is begun any more."""
        self._over = True
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        while self._asked.wait() and not self._over:
            self._asked.clear()
            try:
                self._work()
            except InputError:
                return
