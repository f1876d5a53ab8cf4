"""When a shopper tells the bot to leave them alone in public."""

import re

from hashcart.domain.folding import fold
from hashcart.domain.posts import Post
from hashcart.domain.summons import Bot, mentions_bot

STOP_WORDS = {
    "en": ("stop", "stop it", "stop replying", "please stop", "unsubscribe", "opt out"),
    "fr": ("arrête", "arrêtez", "arrêter", "arrêt", "stop svp", "désabonner", "se désabonner"),
    "es": ("para", "pare", "parar", "detente", "deténgase", "detener", "basta", "cancelar", "darse de baja", "baja"),
    "de": ("stopp", "halt", "aufhören", "hör auf", "hören sie auf", "bitte aufhören", "abmelden", "abbestellen"),
    "ja": ("停止", "ストップ", "やめて", "やめてください", "止めて", "止めてください", "配信停止", "解除"),
}
"""What counts, as the whole of a post but for whom it speaks to; a word in a sentence about something else does not."""

_FOLDED = frozenset(fold(words) for own in STOP_WORDS.values() for words in own)
_NAMES = re.compile(r"[@＠]\w+")
_PUNCTUATION = " .,:;!?¡¿…。、！？・"


def asks_to_stop(post: Post, bot: Bot) -> bool:
    """Whether a post says to the bot to stop, and nothing else. A mention that X itself puts before a reply will do."""
    speaks_to_bot = post.replied_to_author_id == bot.user_id or mentions_bot(post, bot)
    return speaks_to_bot and not post.is_repost and fold(_NAMES.sub(" ", post.text)).strip(_PUNCTUATION) in _FOLDED
