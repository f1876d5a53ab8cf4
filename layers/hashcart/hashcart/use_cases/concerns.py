"""Which of the posts that X tells of concern HashCart."""

from hashcart.domain.cart_hashtags import CartHashtags, asks_to_undo
from hashcart.domain.posts import Post
from hashcart.domain.stop_words import asks_to_stop
from hashcart.domain.summons import Bot, mentions_bot
from hashcart.observability import report


def concerns_us(post: Post, hashtags: CartHashtags, bot: Bot) -> bool:
    """Whether a post goes on to the Posts queue, with a log line that says so. The bot's own never do."""
    if post.author_id == bot.user_id:
        report(post.id, "dropped", "own_post")
        return False
    speaks_to_bot = mentions_bot(post, bot) or asks_to_stop(post, bot)
    concerns = post.is_edit or speaks_to_bot or hashtags.first_in(post) is not None or asks_to_undo(post)
    report(post.id, "passed_on" if concerns else "dropped", None if concerns else "not_for_us")
    return concerns
