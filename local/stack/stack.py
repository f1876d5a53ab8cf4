"""In which order the stack starts, what of an earlier start it keeps, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from local.stack.console import Progress, StackError
from local.stack.outside import Outside, Running

STEPS = 6
INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


class EmbeddedStack:
    """MiniStack with the deployed template, and the sites beside it."""

    def __init__(self, outside: Outside, progress: Progress) -> None:
        self._outside = outside
        self._progress = progress
        self._running: list[Running] = []

    def start(self) -> None:
        """Start everything; what an earlier start deployed from the same sources is kept.

        Raises:
            StackError: a person must mend something. What was started still runs: call `stop`.
        """
        with self._progress.step("Looking at the ports"):
            self._outside.check_ports()
        deployed = self._start_emulator()
        current = self._outside.source_fingerprint()
        outputs = self._keep() if deployed == current else self._deploy(current)
        with self._progress.step("Warming the functions, starting X and the demo store"):
            self._outside.warm(outputs["WebhookUrl"])
            shop = self._outside.start_shop()
            self._running += [] if shop is None else [shop]
            self._running.append(self._outside.start_sites())
            self._outside.register_webhook(outputs["WebhookUrl"])
            self._outside.subscribe()
            self._outside.sign_bot_in(outputs)

    def wait(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait as long as everything runs.

        Raises:
            StackError: a process ended by itself.
        """
        while True:
            for process in self._running:
                if not process.is_running():
                    raise StackError(f"{process.name} ended by itself.", "Its log says why.", process.log)
            sleep(0.5)

    def stop(self) -> None:
        """End everything that was started, last first; MiniStack saves its state."""
        while self._running:
            self._running.pop().stop()

    def _start_emulator(self) -> str | None:
        saved = self._outside.saved_world()
        if saved is not None and saved != self._outside.current_world():
            self._progress.say(f"      Starting from nothing: the saved state is of {saved}.")
            self._outside.forget()
            saved = None
        with self._progress.step("Starting MiniStack, the emulator of AWS"):
            deployed = self._try_saved_state() if saved else None
            if deployed is None:
                self._start_from_nothing()
        return deployed

    def _try_saved_state(self) -> str | None:
        """Start with the saved state; None, with nothing running, if it is of no use."""
        try:
            self._running.append(self._outside.start_emulator())
        except StackError:
            return None
        deployed = self._outside.deployed_fingerprint()
        if deployed is None:
            self.stop()
        return deployed

    def _start_from_nothing(self) -> None:
        self._outside.forget()
        self._running.append(self._outside.start_emulator())

    def _keep(self) -> dict[str, str]:
        for title in ("Building functions and layers", "Deploying template.yaml", "Seeding"):
            self._progress.skip(title)
        return self._outside.outputs()

    def _deploy(self, current: str) -> dict[str, str]:
        with self._outside.alone(self._progress.say):
            with self._progress.step("Building functions and layers (sam build)"):
                self._outside.build()
            with self._progress.step("Deploying template.yaml (sam deploy)"):
                outputs = self._outside.deploy()
        with self._progress.step("Seeding secrets, shoppers and the demo store"):
            self._outside.seed(outputs)
            self._outside.remember(current)
        return outputs


def with_stack(
    stack: EmbeddedStack,
    progress: Progress,
    use: Callable[[], int],
    before_stop: Callable[[], None],
) -> int:
    """Start the stack, use it and end it whatever happens; returns what `use` does, or `INTERRUPTED`.

    Raises:
        StackError: a person must mend something.
    """
    try:
        stack.start()
        return use()
    except KeyboardInterrupt:
        progress.say("\nEnding everything …")
        return INTERRUPTED
    finally:
        before_stop()
        stack.stop()
