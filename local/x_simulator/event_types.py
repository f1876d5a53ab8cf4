"""The kinds of events that the simulator tells of, in X's words."""

POST_CREATE = "post.create"
MENTION_CREATE = "post.mention.create"
POST_DELETE = "post.delete"
OAUTH_REVOKE = "oauth.revoke"
