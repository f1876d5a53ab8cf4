"""Runs several deliveries at once, one step at a time, in an order that the test chooses."""

import threading
from collections.abc import Callable, Iterator, Sequence


class Interleaving:
    """Each storage call of a delivery is a step; between two steps any other delivery may take its own."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._running: int | None = None
        self._waiting: set[int] = set()
        self._done: set[int] = set()
        self._of_thread = threading.local()
        self._errors: list[BaseException] = []

    def step(self) -> None:
        """Called by the fakes before each step: wait until this delivery is chosen."""
        number = getattr(self._of_thread, "number", None)
        if number is None:
            return
        with self._turn:
            self._waiting.add(number)
            self._running = None
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._running == number)
            self._waiting.discard(number)

    def run(
        self, tasks: Sequence[Callable[[], object]], choices: Iterator[int], after_step: Callable[[], None]
    ) -> None:
        """Run all tasks to their end; `choices` picks among those that could take a step."""
        threads = [threading.Thread(target=self._run_one, args=(number, task)) for number, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        try:
            while True:
                with self._turn:
                    everyone = set(range(len(tasks)))
                    self._turn.wait_for(
                        lambda: self._running is None and self._waiting | self._done == everyone  # noqa: B023
                    )
                    after_step()
                    if self._errors:
                        raise self._errors[0]
                    if not self._waiting:
                        return
                    ready = sorted(self._waiting)
                    self._running = ready[next(choices, 0) % len(ready)]
                    self._turn.notify_all()
        finally:
            for thread in threads:
                thread.join(timeout=5)

    def _run_one(self, number: int, task: Callable[[], object]) -> None:
        self._of_thread.number = number
        try:
            self.step()
            task()
        except Exception as error:  # noqa: BLE001 - raised again by `run`
            self._errors.append(error)
        finally:
            with self._turn:
                self._done.add(number)
                self._running = None
                self._turn.notify_all()
