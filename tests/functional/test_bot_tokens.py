"""The bot's tokens among many functions, against moto and the simulator, whose refresh tokens work once."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
import urllib3

from hashcart.domain.bot_tokens import EARLY_REFRESH_MS, BotToken
from hashcart.http import HttpClient
from hashcart.observability import clock_ms
from hashcart.secrets import Secret
from hashcart.social.x.bot_session import BotNeverSignedInError, BotSession, BotSignedOutError
from hashcart.social.x.client import XApi, XUnavailableError
from hashcart.storage.bot_tokens import REFRESH_LEASE_MS, BotTokens
from hashcart.use_cases.keep_signed_in import BotHealth, KeepSignedIn
from local.settings import BOT_CLIENT_ID, BOT_CLIENT_SECRET
from local.x_simulator.bot_sign_in import sign_bot_in
from tests.fakes.aws import Aws, aws_account, one_call_at_a_time
from tests.fakes.clock import Clock
from tests.fakes.x_simulator_pool import SimulatorPool
from tests.fakes.x_simulator_world import BASE, World, world

FUNCTIONS = 10
REFRESH = "POST /2/oauth2/token"


class CrashError(BaseException):
    """The process is gone."""


class Bot:
    """The bot signed in, with a token that is about to end; each session is that of a function."""

    def __init__(self, x: World, aws: Aws) -> None:
        self.x = x
        self.clock = Clock(clock_ms())
        self.pool = SimulatorPool(x)
        self.tokens = BotTokens(one_call_at_a_time(aws.dynamodb), "BotTokensTable")
        client = {"client_id": BOT_CLIENT_ID, "client_secret": BOT_CLIENT_SECRET}
        self.secret = Secret(aws.secrets, aws.create_secret("client", client), clock_ms=self.clock)
        self.sign_in()

    def sign_in(self) -> None:
        answer = sign_bot_in(BASE, client=self.x.client)
        self.tokens.save(BotToken(answer["access_token"], answer["refresh_token"], self.clock.now_ms))

    def session(self, tokens: BotTokens | None = None) -> BotSession:
        api = XApi(HttpClient(cast("urllib3.PoolManager", self.pool)), BASE, self.clock)
        return BotSession(
            api, tokens or self.tokens, self.secret, clock_ms=self.clock, sleep=lambda _: time.sleep(0.02)
        )

    @property
    def refreshes(self) -> int:
        return self.pool.calls.count(REFRESH)

    def is_taken(self, access_token: str) -> bool:
        headers = {"authorization": f"Bearer {access_token}"}
        return self.x.client.get("/2/users/me", headers=headers).status_code == 200


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    with world(tmp_path) as x, aws_account() as aws:
        yield Bot(x, aws)


def at_once(sessions: list[BotSession]) -> list[str]:
    start = threading.Barrier(len(sessions))

    def ask(session: BotSession) -> str:
        start.wait()
        return session.access_token()

    with ThreadPoolExecutor(len(sessions)) as pool:
        return [future.result() for future in [pool.submit(ask, session) for session in sessions]]


def test_ten_functions_that_need_a_token_at_once_make_one_call(bot: Bot) -> None:
    sessions = [bot.session() for _ in range(FUNCTIONS)]
    (token,) = {*at_once(sessions)}
    assert bot.refreshes == 1
    assert bot.is_taken(token)


def test_ten_functions_whose_token_x_has_rejected_make_one_call(bot: Bot) -> None:
    sessions = [bot.session() for _ in range(FUNCTIONS)]
    (rejected,) = {*at_once(sessions)}
    for session in sessions:
        session.forget()
    (token,) = {*at_once(sessions)}
    assert (bot.refreshes, token == rejected) == (2, False)
    assert bot.is_taken(token)


def test_a_crash_before_the_call_costs_a_lease(bot: Bot) -> None:
    bot.pool.failures[REFRESH] = [CrashError()]
    with pytest.raises(CrashError):
        bot.session().access_token()
    with pytest.raises(XUnavailableError):
        bot.session().access_token()
    bot.clock.now_ms += REFRESH_LEASE_MS + 1
    assert bot.is_taken(bot.session().access_token())


def test_a_crash_between_xs_answer_and_its_record_means_signing_in_again(bot: Bot) -> None:
    class Crashing(BotTokens):
        def save(self, token: BotToken) -> None:
            raise CrashError(token)

    with pytest.raises(CrashError):
        bot.session(Crashing(bot.tokens._table._client, "BotTokensTable")).access_token()
    bot.clock.now_ms += REFRESH_LEASE_MS + 1
    for _ in range(3):
        with pytest.raises(BotSignedOutError):
            bot.session().access_token()
    assert bot.refreshes == 2, "the refresh token that is lost is not sent again and again"
    bot.sign_in()
    assert bot.is_taken(bot.session().access_token())


def test_who_was_slow_does_not_mark_a_new_sign_in_as_lost(bot: Bot) -> None:
    old = bot.tokens.read()
    assert old is not None
    bot.sign_in()
    bot.tokens.mark_lost(old, now_ms=bot.clock.now_ms)
    new = bot.tokens.read()
    assert new is not None
    assert new.lost_at_ms is None
    bot.tokens.mark_lost(new, now_ms=bot.clock.now_ms)
    lost = bot.tokens.read()
    assert lost is not None
    assert lost.lost_at_ms == bot.clock.now_ms


# ------------------------------------------------------------------ Kept signed in


def test_a_token_is_refreshed_before_it_ends_though_nobody_is_answered(bot: Bot) -> None:
    keep = KeepSignedIn(bot.session(), bot.tokens, bot.clock)
    for _ in range(300):
        assert keep() == BotHealth()
        bot.clock.now_ms += 60_000
        token = bot.tokens.read()
        assert token is not None
        assert token.expires_at_ms > bot.clock.now_ms, "there was a minute without a token"
    hours = 300 * 60_000 / (7_200_000 - EARLY_REFRESH_MS)
    assert bot.refreshes == 1 + int(hours)


def test_a_lost_family_is_noticed_without_an_answer_to_give(bot: Bot) -> None:
    bot.x.simulator.tokens.revoke_account("900")
    keep = KeepSignedIn(bot.session(), bot.tokens, bot.clock)
    assert [keep() for _ in range(3)] == [BotHealth(is_signed_out=True)] * 3
    assert bot.refreshes == 1


def test_x_that_refreshes_nothing_is_told_by_the_minute(bot: Bot) -> None:
    bot.pool.failures[REFRESH] = [(503, {})] * 10
    keep = KeepSignedIn(bot.session(), bot.tokens, bot.clock)
    assert keep() == BotHealth()
    bot.clock.now_ms += 61 * 60_000
    assert keep() == BotHealth(overdue_minutes=61)
    bot.pool.failures.clear()
    bot.clock.now_ms += REFRESH_LEASE_MS + 1
    assert keep() == BotHealth()


def test_a_bot_that_was_never_set_up_is_no_alarm(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.tokens, "read", lambda: None)
    with pytest.raises(BotNeverSignedInError):
        bot.session().access_token()
    assert KeepSignedIn(bot.session(), bot.tokens, bot.clock)() == BotHealth()
