"""How the functions talk to AWS: time-outs shorter than their own, and few attempts."""

from botocore.config import Config

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="hashcart",
)
