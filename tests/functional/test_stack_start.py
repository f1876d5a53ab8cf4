"""The order of a start, what is kept, and what a person reads when something is wrong."""

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.settings import PROJECT_ROOT, LocalSettings
from local.stack import __main__ as command_line
from local.stack import outside as machine
from local.stack import sam_local
from local.stack.console import Progress, StackError
from local.stack.locks import only_build, only_stack
from local.stack.ports import check_ports
from local.stack.stack import INTERRUPTED, EmbeddedStack, with_stack

SETTINGS = LocalSettings(x_port=8400, store_port=8401, aws_port=4566, state_dir=Path("/state"))
OUTPUTS = {"WebhookUrl": "http://127.0.0.1:4566/webhooks/x"}


class FakeProcess:
    """A process that runs until it is stopped, or ends after having been looked at some times."""

    def __init__(self, name: str, journal: list[str], looks: int = 10**6) -> None:
        self.name = name
        self.log = Path(f"/logs/{name}")
        self._journal = journal
        self._looks = looks

    def is_running(self) -> bool:
        self._looks -= 1
        return self._looks > 0

    def stop(self) -> None:
        self._journal.append(f"stop {self.name}")


class FakeMachine:
    """Writes down what is asked of it."""

    def __init__(
        self, deployed: str | None = None, world: str | None = None, fails: tuple[str, ...] = (), looks: int = 10**6
    ) -> None:
        self.journal: list[str] = []
        self.has_shop = False
        self._deployed = deployed
        self._world = world
        self._fails = list(fails)
        self._looks = looks

    def _do(self, what: str) -> None:
        self.journal.append(what)
        if what in self._fails:
            self._fails.remove(what)
            raise StackError(f"{what} failed.", "Mend it.")

    def check_ports(self) -> None:
        self._do("check ports")

    def source_fingerprint(self) -> str:
        return "current"

    def saved_world(self) -> str | None:
        return self._world

    def current_world(self) -> str:
        return "MiniStack 1.5"

    def forget(self) -> None:
        self._deployed = None
        self._do("forget")

    def start_emulator(self) -> FakeProcess:
        self._do("start emulator")
        return FakeProcess("emulator", self.journal, self._looks)

    def deployed_fingerprint(self) -> str | None:
        return self._deployed

    @contextmanager
    def alone(self, _say: Callable[[str], None]) -> Iterator[None]:
        self._do("lock")
        yield
        self._do("unlock")

    def build(self) -> None:
        self._do("build")

    def deploy(self) -> dict[str, str]:
        self._do("deploy")
        return OUTPUTS

    def outputs(self) -> dict[str, str]:
        return OUTPUTS

    def seed(self, outputs: Mapping[str, str]) -> None:
        assert outputs == OUTPUTS
        self._do("seed")

    def remember(self, fingerprint: str) -> None:
        self._do(f"remember {fingerprint}")

    def start_sites(self) -> FakeProcess:
        self._do("start sites")
        return FakeProcess("sites", self.journal, self._looks)

    def start_shop(self) -> FakeProcess | None:
        if not self.has_shop:
            return None
        self._do("start shop")
        return FakeProcess("shop", self.journal, self._looks)

    def register_webhook(self, url: str) -> None:
        self._do(f"register {url}")

    def subscribe(self) -> None:
        self._do("subscribe")

    def sign_bot_in(self, outputs: Mapping[str, str]) -> None:
        assert outputs == OUTPUTS
        self._do("sign bot in")

    def warm(self, webhook_url: str) -> None:
        assert webhook_url == OUTPUTS["WebhookUrl"]
        self._do("warm")


DEPLOYS = ["lock", "build", "deploy", "unlock", "seed", "remember current"]
OPENS = ["warm", "start sites", f"register {OUTPUTS['WebhookUrl']}", "subscribe", "sign bot in"]


def started(outside: FakeMachine) -> tuple[EmbeddedStack, str]:
    out = io.StringIO()
    stack = EmbeddedStack(outside, Progress(6, out, clock=lambda: 0.0))
    stack.start()
    return stack, out.getvalue()


class TestStart:
    def test_the_first_time_does_everything(self) -> None:
        outside = FakeMachine()
        _, text = started(outside)
        assert outside.journal == ["check ports", "forget", "start emulator", *DEPLOYS, *OPENS]
        assert [line.split()[0] for line in text.splitlines()] == [f"[{step}/6]" for step in range(1, 7)]

    def test_without_changes_keeps_the_deployment_and_its_carts(self) -> None:
        outside = FakeMachine(deployed="current", world="MiniStack 1.5")
        _, text = started(outside)
        assert outside.journal == ["check ports", "start emulator", *OPENS]
        assert text.count("kept") == 3
        assert [line.split()[0] for line in text.splitlines()] == [f"[{step}/6]" for step in range(1, 7)]

    def test_a_shop_of_its_own_starts_before_the_sites_and_ends_after_them(self) -> None:
        outside = FakeMachine()
        outside.has_shop = True
        stack, _ = started(outside)
        assert outside.journal[-6:] == ["warm", "start shop", *OPENS[1:]]
        stack.stop()
        assert outside.journal[-3:] == ["stop sites", "stop shop", "stop emulator"]

    def test_changed_sources_are_deployed_over_the_carts(self) -> None:
        outside = FakeMachine(deployed="earlier", world="MiniStack 1.5")
        started(outside)
        assert outside.journal == ["check ports", "start emulator", *DEPLOYS, *OPENS]

    @pytest.mark.parametrize("version", ["MiniStack 1.4", "unknown"])
    def test_state_of_another_version_is_forgotten(self, version: str) -> None:
        outside = FakeMachine(deployed="current", world=version)
        _, text = started(outside)
        assert f"the saved state is of {version}." in text
        assert outside.journal == ["check ports", "forget", "forget", "start emulator", *DEPLOYS, *OPENS]

    def test_damaged_state_is_forgotten(self) -> None:
        outside = FakeMachine(deployed=None, world="MiniStack 1.5")
        started(outside)
        begins = ["check ports", "start emulator", "stop emulator", "forget", "start emulator"]
        assert outside.journal == [*begins, *DEPLOYS, *OPENS]

    def test_state_that_keeps_the_emulator_from_starting_is_forgotten(self) -> None:
        outside = FakeMachine(deployed="current", world="MiniStack 1.5", fails=("start emulator",))
        started(outside)
        begins = ["check ports", "start emulator", "forget", "start emulator"]
        assert outside.journal == [*begins, *DEPLOYS, *OPENS]

    @pytest.mark.parametrize("step", ["check ports", "start emulator", "build", "deploy", "seed", *OPENS])
    def test_a_failure_ends_all_that_was_started(self, step: str) -> None:
        outside = FakeMachine(fails=(step,))
        stack = EmbeddedStack(outside, progress := Progress(6, io.StringIO()))
        with pytest.raises(StackError, match="failed"):
            with_stack(stack, progress, lambda: 0, lambda: None)
        running = [line for line in outside.journal if line in {"start emulator", "start sites"} and line != step]
        assert len([line for line in outside.journal if line.startswith("stop ")]) == len(running)

    def test_the_state_is_not_called_deployed_before_it_is_seeded(self) -> None:
        outside = FakeMachine(fails=("seed",))
        with pytest.raises(StackError):
            started(outside)
        assert "remember current" not in outside.journal


class TestEnd:
    def test_ctrl_c_ends_everything_last_first(self) -> None:
        outside = FakeMachine()
        stack = EmbeddedStack(outside, progress := Progress(6, io.StringIO()))

        def interrupt() -> int:
            raise KeyboardInterrupt

        assert with_stack(stack, progress, interrupt, lambda: outside.journal.append("deaf")) == INTERRUPTED
        assert outside.journal[-3:] == ["deaf", "stop sites", "stop emulator"]

    def test_the_result_is_what_the_user_of_the_stack_says(self) -> None:
        stack = EmbeddedStack(FakeMachine(), progress := Progress(6, io.StringIO()))
        assert with_stack(stack, progress, lambda: 3, lambda: None) == 3

    def test_a_process_that_ends_by_itself_is_named_with_its_log(self) -> None:
        stack, _ = started(FakeMachine(looks=3))
        with pytest.raises(StackError, match="ended by itself") as caught:
            stack.wait(sleep=lambda _: None)
        assert "/logs/" in caught.value.report()


class TestMessages:
    def test_a_taken_port_is_named_with_the_variable_that_moves_it(self) -> None:
        with pytest.raises(StackError) as caught:
            check_ports(SETTINGS, free=lambda port: port != 8401)
        report = caught.value.report()
        assert "Port 8401" in report
        assert "HASHCART_STORE_PORT=8501 make start" in report
        assert "ss -ltnp" in report

    def test_free_ports_are_nothing_to_talk_about(self) -> None:
        check_ports(SETTINGS, free=lambda _: True)

    def test_a_step_that_stops_says_so(self) -> None:
        out = io.StringIO()
        with pytest.raises(ValueError, match="x"), Progress(1, out).step("Deploying"):
            raise ValueError("x")
        assert out.getvalue().rstrip().endswith("stopped")

    def test_seconds_count_from_the_beginning(self) -> None:
        times = iter([10.0, 12.5])
        assert Progress(1, io.StringIO(), clock=lambda: next(times)).seconds() == 2.5


class TestWaiting:
    def child(self, looks: int = 10**6) -> Any:
        return FakeProcess("child", [], looks)

    def test_ends_when_the_process_is_ready(self) -> None:
        answers = iter([False, False, True])
        machine.wait_until(self.child(), lambda: next(answers), sleep=lambda _: None)

    @pytest.mark.parametrize(("looks", "attempts"), [(2, 100), (100, 2)])
    def test_gives_up_when_it_ended_or_takes_too_long(self, looks: int, attempts: int) -> None:
        with pytest.raises(StackError, match="child did not start"):
            machine.wait_until(self.child(looks), lambda: False, sleep=lambda _: None, attempts=attempts)


class TestForgetting:
    def test_keeps_logs_and_private_stacks(self, tmp_path: Path) -> None:
        for name in ("aws/services/lambda.json", "private/aws/VERSION"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        for name in ("outputs.json", "ministack.log"):
            (tmp_path / name).write_text("")
        machine.forget(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"private", "ministack.log"}

    def test_a_private_stack_has_ports_and_state_of_its_own(self) -> None:
        private = machine.private_settings(SETTINGS)
        assert {private.x_port, private.store_port, private.aws_port}.isdisjoint({8400, 8401, 4566})
        assert private.state_dir.parent == SETTINGS.state_dir


class TestCommandLine:
    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, list[Any]]:
        seen: list[Any] = []

        def note(settings: LocalSettings, rest: list[str]) -> int:
            seen.append((settings.x_port, rest))
            return 7

        def fail(_settings: LocalSettings, _rest: list[str]) -> int:
            raise StackError("It broke.", "Mend it.", Path("/a/log"))

        return command_line.main(list(arguments), {"exec": note, "start": fail}, environ or {}), seen

    def test_runs_a_command_with_its_arguments(self) -> None:
        assert self.run("exec", "pytest", "-x", environ={"HASHCART_X_PORT": "9"}) == (7, [(9, ["pytest", "-x"])])

    def test_an_error_is_one_message_and_status_1(self, capsys: pytest.CaptureFixture[str]) -> None:
        status, _ = self.run("start")
        assert status == 1
        assert capsys.readouterr().err.splitlines() == ["✗ It broke.", "  Mend it.", "  Log: /a/log"]

    def test_a_port_must_be_a_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        status, _ = self.run("exec", environ={"HASHCART_X_PORT": "many"})
        assert status == 1
        assert "HASHCART_" in capsys.readouterr().err

    def test_reset_forgets(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "outputs.json").write_text("{}")
        assert command_line.reset(LocalSettings(1, 2, 3, tmp_path), []) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]
        assert "Forgotten" in capsys.readouterr().out

    def test_reset_leaves_a_running_stack_alone(self, tmp_path: Path) -> None:
        settings = LocalSettings(1, 2, 3, tmp_path)
        (tmp_path / "outputs.json").write_text("{}")
        with only_stack(settings, "`make start`"), pytest.raises(StackError, match="Another `make start` is running"):
            command_line.reset(settings, [])
        assert (tmp_path / "outputs.json").exists()

    def test_all_that_the_makefile_calls_exists(self) -> None:
        assert set(command_line.COMMANDS) == {"start", "reset", "build", "exec", "sam-local"}


class TestLocks:
    def test_a_second_stack_in_the_folder_is_told_of_the_first(self, tmp_path: Path) -> None:
        settings = LocalSettings(8400, 8401, 4566, tmp_path / "state")
        elsewhere = replace(settings, x_port=9400)
        with only_stack(settings, "`make start`"):
            with pytest.raises(StackError) as refused, only_stack(elsewhere, "`make start`"):
                pytest.fail("two stacks in one folder")
            assert f"Another `make start` is running in this folder, PID {os.getpid()}." in refused.value.report()
            assert "use it at http://x.localhost:8400/" in refused.value.report()
        with only_stack(elsewhere, "`make start`"), only_stack(replace(settings, state_dir=tmp_path), "`pytest`"):
            pass

    def test_a_lock_ends_with_a_failure(self, tmp_path: Path) -> None:
        settings = LocalSettings(8400, 8401, 4566, tmp_path)
        with pytest.raises(KeyboardInterrupt), only_stack(settings, "`make start`"):
            raise KeyboardInterrupt
        with only_stack(settings, "`make start`"):
            pass

    def test_a_holder_that_has_not_said_yet_who_it_is(self, tmp_path: Path) -> None:
        settings = LocalSettings(8400, 8401, 4566, tmp_path)
        with only_stack(settings, "`make start`"):
            (tmp_path / "stack.lock").write_text("")
            with pytest.raises(StackError, match="PID unknown"), only_stack(settings, "`make start`"):
                pytest.fail("two stacks in one folder")

    def test_one_build_waits_for_another_and_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "build.lock"
        said: list[str] = []
        first = only_build(said.append, path)
        first.__enter__()

        def say(text: str) -> None:
            said.append(text)
            first.__exit__(None, None, None)

        with only_build(say, path):
            pass
        (line,) = said
        assert f"PID {os.getpid()}" in line

    def test_forgetting_a_stack_keeps_its_lock(self, tmp_path: Path) -> None:
        settings = LocalSettings(8400, 8401, 4566, tmp_path)
        with only_stack(settings, "`make start`"):
            machine.forget(tmp_path)
            with pytest.raises(StackError), only_stack(settings, "`make start`"):
                pytest.fail("two stacks in one folder")


class FakeDeployment:
    """One deployed function."""

    def functions(self) -> dict[str, str]:
        return {"WebhookIntakeFunction": "physical"}

    def variables(self, physical_name: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            "X_API_BASE_URL": "http://127.0.0.1:8400",
            "STORE_BASE_URL": "http://127.0.0.1:8401",
            "NAME": physical_name,
        }


class TestSamLocal:
    def invoke(
        self, tmp_path: Path, answer: object, status: int = 0, host: str = "172.17.0.1"
    ) -> tuple[int, list[str], list[list[str]]]:
        (tmp_path / "events").mkdir()
        (tmp_path / "events" / "webhook_intake__good.json").write_text("{}")
        (tmp_path / "events" / "webhook_intake__forged.json").write_text("{}")
        said: list[str] = []
        commands: list[list[str]] = []
        stdout = answer if isinstance(answer, str) else f"a log line\n{json.dumps(answer)}\n"

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            return subprocess.CompletedProcess(command, status, stdout, "its log")

        deployment: Any = FakeDeployment()
        failed = sam_local.invoke_good_events(
            deployment,
            LocalSettings(8400, 8401, 4566, tmp_path),
            host=host,
            events=tmp_path / "events",
            dated=lambda path: {"of": path.name},
            values={"Store": "demo", "Architecture": "arm64"},
            invoke=run,
            say=said.append,
        )
        return failed, said, commands

    @pytest.mark.parametrize("answer", [{"statusCode": 200}, {"batchItemFailures": []}, {}, None])
    def test_good_answers_pass(self, tmp_path: Path, answer: object) -> None:
        failed, said, [command] = self.invoke(tmp_path, answer)
        assert failed == 0
        assert said == ["✓ WebhookIntakeFunction < webhook_intake__good.json"]
        assert "Architecture=x86_64" in command
        event = command[command.index("--event") + 1]
        assert json.loads(Path(event).read_text()) == {"of": "webhook_intake__good.json"}
        assert "--skip-pull-image" in command

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ({"errorType": "KeyError", "errorMessage": "x"}, "KeyError"),
            ({"batchItemFailures": [{"itemIdentifier": "1"}]}, "refused 1"),
            ({"statusCode": 401, "body": "bad signature"}, "401"),
            ("no json", "no answer"),
            ("", "no answer"),
        ],
    )
    def test_other_answers_fail_with_the_log(self, tmp_path: Path, answer: object, reason: str) -> None:
        failed, said, _ = self.invoke(tmp_path, answer)
        assert failed == 1
        assert said[0].startswith("✗")
        assert reason in said[1]
        assert "its log" in said[1]

    def test_a_failed_command_fails(self, tmp_path: Path) -> None:
        assert self.invoke(tmp_path, {}, status=1)[0] == 1

    def test_containers_reach_this_machine_by_its_address_in_their_network(self, tmp_path: Path) -> None:
        _, _, [command] = self.invoke(tmp_path, {})
        written = json.loads(Path(command[command.index("--env-vars") + 1]).read_text())
        assert written["WebhookIntakeFunction"]["AWS_ENDPOINT_URL"] == "http://172.17.0.1:4566"
        assert written["WebhookIntakeFunction"]["NAME"] == "physical"

    @pytest.mark.parametrize(
        ("host", "address"), [("172.17.0.1", "172.17.0.1"), ("host.docker.internal", "host-gateway")]
    )
    def test_containers_call_the_sites_by_the_names_that_they_answer_to(
        self, tmp_path: Path, host: str, address: str
    ) -> None:
        _, _, [command] = self.invoke(tmp_path, {}, host=host)
        written = json.loads(Path(command[command.index("--env-vars") + 1]).read_text())["WebhookIntakeFunction"]
        assert written["X_API_BASE_URL"] == "http://x.localhost:8400"
        assert written["STORE_BASE_URL"] == "http://store.localhost:8401"
        given = [command[index + 1] for index, argument in enumerate(command) if argument == "--add-host"]
        assert given == [f"x.localhost:{address}", f"store.localhost:{address}"]

    def test_the_oscar_shop_has_a_name_of_its_own(self, tmp_path: Path) -> None:
        settings = LocalSettings(8400, 8401, 4566, tmp_path, store="oscar")
        assert list(sam_local.sites(settings).items())[-1] == ("http://127.0.0.1:8404", "shop.localhost")

    def test_a_function_without_a_good_event_is_an_error(self, tmp_path: Path) -> None:
        deployment: Any = FakeDeployment()
        with pytest.raises(StackError, match="WebhookIntakeFunction"):
            sam_local.invoke_good_events(
                deployment,
                LocalSettings(1, 2, 3, tmp_path),
                host="h",
                events=tmp_path,
                dated=lambda _: {},
                values={},
                invoke=lambda _: subprocess.CompletedProcess([], 0),
                say=lambda _: None,
            )

    @pytest.mark.parametrize(
        ("addresses", "gateway"),
        [
            ({"Subnet": "172.17.0.0/16"}, "172.17.0.1"),
            ({"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.254"}, "172.17.0.254"),
        ],
    )
    def test_the_gateway_is_the_one_named_or_the_first_address(self, addresses: dict[str, str], gateway: str) -> None:
        assert sam_local.gateway_of(addresses) == gateway

    def test_sam_runs_in_the_project(self) -> None:
        done = sam_local.invoke_in_project({"PATH": "/usr/bin:/bin"})(["pwd"])
        assert done.stdout.strip() == str(PROJECT_ROOT)
