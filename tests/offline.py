"""The environment in which everything but the end-to-end tests runs."""

OF_A_REAL_ACCOUNT = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
"""What must not be there: a test never reaches a real account, whatever the developer's shell is signed in to."""

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "METRICS_NAMESPACE": "HashCart/tested",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}
