"""What SES publishes of a bounce or a complaint, said by hand.

Amazon SES developer guide, "Examples of event data in Amazon SNS".
"""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from local.inbox.mails import Mail

REGION = "us-east-1"
KINDS = ("bounce", "complaint")
QUICK = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})


def event_about(mail: Mail, kind: str) -> dict[str, Any]:
    """SES's event: a bounce for good, or a complaint of abuse."""
    at = datetime.fromtimestamp(mail.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    about = {
        "timestamp": at,
        "source": mail.sender,
        "messageId": mail.id,
        "destination": [mail.to],
        "tags": {"ses:configuration-set": [mail.configuration_set]}
        | {name: [value] for name, value in mail.tags.items()},
    }
    if kind == "bounce":
        bounce = {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": mail.to, "action": "failed", "status": "5.1.1"}],
            "timestamp": at,
            "feedbackId": f"{mail.id}-feedback",
        }
        return {"eventType": "Bounce", "bounce": bounce, "mail": about}
    complaint = {
        "complainedRecipients": [{"emailAddress": mail.to}],
        "timestamp": at,
        "feedbackId": f"{mail.id}-feedback",
        "complaintFeedbackType": "abuse",
    }
    return {"eventType": "Complaint", "complaint": complaint, "mail": about}


def publish(
    endpoint_url: str, topic_arn: str, event: dict[str, Any]
) -> None:  # pragma: no cover - the tests end to end
    """Publish an event to the topic, as SES would."""
    client = boto3.client(
        "sns",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=QUICK,
    )
    client.publish(TopicArn=topic_arn, Message=json.dumps(event))
