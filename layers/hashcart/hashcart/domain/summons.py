"""Whether a post speaks to the bot, so that the platform lets it answer."""

from dataclasses import dataclass

from hashcart.domain.posts import Mention, Post


@dataclass(frozen=True, slots=True)
class Bot:
    """The account that answers."""

    user_id: str
    username: str

    def is_mentioned_by(self, mention: Mention) -> bool:
        """Whether a mention means the bot; the id decides where the network sent one."""
        if mention.user_id is not None:
            return mention.user_id == self.user_id
        return mention.username.casefold() == self.username.casefold()


def mentions_bot(post: Post, bot: Bot) -> bool:
    """Whether the bot is mentioned anywhere in a post."""
    return any(bot.is_mentioned_by(mention) for mention in post.mentions)


def is_summons(post: Post, bot: Bot, *, parent_involves_bot: bool) -> bool:
    """Whether the author called the bot.

    X puts the people of a conversation before a reply; such a leading mention of a bot that the parent post is by, or
    mentions, was not written by the author and does not count (X developer policy on automated replies, 2026-02-23).
    """
    leading_end = _end_of_leading_mentions(post)
    return any(
        bot.is_mentioned_by(mention) and not (parent_involves_bot and mention.start < leading_end)
        for mention in post.mentions
    )


def _end_of_leading_mentions(post: Post) -> int:
    end = 0
    for mention in sorted(post.mentions, key=lambda mention: mention.start):
        if post.text[end : mention.start].strip():
            break
        end = mention.end
    return end
