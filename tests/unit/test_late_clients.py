import pytest

from hashcart.aws import CLIENT_CONFIG, late_client


def test_a_late_client_is_made_once_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    client = late_client("sqs")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert client.meta.region_name == "eu-central-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.config.read_timeout == CLIENT_CONFIG.read_timeout  # type: ignore[attr-defined]
