"""The bot's public answers: rare, short, without the product and without a URL."""

import base64
import hashlib

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome

REFERENCE_LENGTH = 6

SAID_IN_PUBLIC = frozenset(
    {
        Code.ADDED,
        Code.QUANTITY_SET,
        Code.ALREADY_IN_CART,
        Code.LIMIT_APPLIED,
        Code.CHOOSE_OPTIONS,
        Code.OUT_OF_STOCK,
        Code.NOT_AVAILABLE_HERE,
        Code.NO_PRODUCT,
        Code.STORE_UNAVAILABLE,
        Code.UNDONE,
    }
)

# No text says that the store's own cart has the item: the shopper takes it there with one tap.
TEXTS: dict[str, dict[Code, str]] = {
    "en": {
        Code.ADDED: "Saved ({quantity}). Review it whenever you like; nothing is bought until you check out.",
        Code.QUANTITY_SET: "Now {quantity} saved.",
        Code.ALREADY_IN_CART: "It was saved already; nothing has changed.",
        Code.LIMIT_APPLIED: "{maximum} is the most; {quantity} saved.",
        Code.CHOOSE_OPTIONS: "There is a choice to make first. It waits on your cart page.",
        Code.OUT_OF_STOCK: "Out of stock. Kept as a wish, apart from your cart.",
        Code.NOT_AVAILABLE_HERE: "Not available for your account. Your activity page says why.",
        Code.NO_PRODUCT: "No product of our store found there. Your activity page says why.",
        Code.NOT_LINKED: "Please link your account first; the link is in our profile.",
        Code.STORE_UNAVAILABLE: "The store does not answer right now. We keep trying.",
        Code.UNDONE: "Taken back.",
    },
    "fr": {
        Code.ADDED: "Enregistré ({quantity}). Vérifiez quand vous voulez ; rien n’est acheté avant votre commande.",
        Code.QUANTITY_SET: "Il y en a maintenant {quantity}.",
        Code.ALREADY_IN_CART: "C’était déjà enregistré ; rien n’a changé.",
        Code.LIMIT_APPLIED: "{maximum} au maximum ; {quantity} enregistrés.",
        Code.CHOOSE_OPTIONS: "Il reste un choix à faire. Il vous attend sur la page de votre panier.",
        Code.OUT_OF_STOCK: "Épuisé. Gardé parmi vos envies, à part du panier.",
        Code.NOT_AVAILABLE_HERE: "Indisponible pour votre compte. Votre page d’activité dit pourquoi.",
        Code.NO_PRODUCT: "Aucun produit de notre boutique ici. Votre page d’activité dit pourquoi.",
        Code.NOT_LINKED: "Associez d’abord votre compte ; le lien est dans notre profil.",
        Code.STORE_UNAVAILABLE: "La boutique ne répond pas pour l’instant. Nous réessayons.",
        Code.UNDONE: "Annulé.",
    },
    "es": {
        Code.ADDED: "Guardado ({quantity}). Revísalo cuando quieras; no se compra nada hasta que tú lo pidas.",
        Code.QUANTITY_SET: "Ahora hay {quantity}.",
        Code.ALREADY_IN_CART: "Ya estaba guardado; no ha cambiado nada.",
        Code.LIMIT_APPLIED: "El máximo es {maximum}; hay {quantity}.",
        Code.CHOOSE_OPTIONS: "Falta elegir una opción. Te espera en la página de tu carrito.",
        Code.OUT_OF_STOCK: "Agotado. Lo guardamos como deseo, aparte del carrito.",
        Code.NOT_AVAILABLE_HERE: "No está disponible para tu cuenta. Tu página de actividad explica por qué.",
        Code.NO_PRODUCT: "Aquí no hay ningún producto de nuestra tienda. Tu página de actividad explica por qué.",
        Code.NOT_LINKED: "Primero vincula tu cuenta; el enlace está en nuestro perfil.",
        Code.STORE_UNAVAILABLE: "La tienda no responde ahora. Seguimos intentándolo.",
        Code.UNDONE: "Deshecho.",
    },
    "de": {
        Code.ADDED: "Gemerkt ({quantity}). Sieh es dir an, wann du magst; gekauft wird erst, wenn du bestellst.",
        Code.QUANTITY_SET: "Jetzt sind es {quantity}.",
        Code.ALREADY_IN_CART: "War schon gemerkt; nichts hat sich geändert.",
        Code.LIMIT_APPLIED: "Höchstens {maximum}; gemerkt sind {quantity}.",
        Code.CHOOSE_OPTIONS: "Es fehlt noch eine Auswahl. Sie wartet auf deiner Warenkorbseite.",
        Code.OUT_OF_STOCK: "Ausverkauft. Als Wunsch gemerkt, getrennt vom Warenkorb.",
        Code.NOT_AVAILABLE_HERE: "Für dein Konto nicht erhältlich. Warum, steht in deinem Verlauf.",
        Code.NO_PRODUCT: "Dort ist kein Produkt unseres Shops. Warum, steht in deinem Verlauf.",
        Code.NOT_LINKED: "Bitte verknüpfe zuerst dein Konto; der Link steht in unserem Profil.",
        Code.STORE_UNAVAILABLE: "Der Shop antwortet gerade nicht. Wir versuchen es weiter.",
        Code.UNDONE: "Zurückgenommen.",
    },
    "ja": {
        Code.ADDED: "保存しました（{quantity}点）。いつでも確認できます。ご注文までは購入されません。",
        Code.QUANTITY_SET: "現在{quantity}点です。",
        Code.ALREADY_IN_CART: "すでに保存されています。変更はありません。",
        Code.LIMIT_APPLIED: "上限は{maximum}点です。{quantity}点保存しました。",
        Code.CHOOSE_OPTIONS: "選択が必要です。カートのページでお選びください。",
        Code.OUT_OF_STOCK: "在庫切れです。カートとは別に、ほしい物として保存しました。",
        Code.NOT_AVAILABLE_HERE: "お客様のアカウントではご利用いただけません。理由は履歴のページにあります。",
        Code.NO_PRODUCT: "当店の商品が見つかりません。理由は履歴のページにあります。",
        Code.NOT_LINKED: "先にアカウントを連携してください。リンクはプロフィールにあります。",
        Code.STORE_UNAVAILABLE: "ただいまストアが応答していません。再試行を続けます。",
        Code.UNDONE: "取り消しました。",
    },
}
DEFAULT_LANGUAGE = "en"


def silence(outcome: Outcome, account_link: AccountLink) -> str | None:
    """Why this outcome of a linked shopper who summoned the bot gets no public answer; None if it does."""
    reasons = (
        ("not_opted_in", not account_link.public_replies),
        ("quiet", account_link.quiet),
        ("sensitive", outcome.sensitive),
        ("not_for_the_public", outcome.code not in SAID_IN_PUBLIC),
    )
    return next((reason for reason, applies in reasons if applies), None)


def reply_text(outcome: Outcome, language: str, post_id: str) -> str:
    """The answer in the shopper's language, English where we do not speak it.

    It ends in a reference of the post's own: X refuses a text that an account has posted before, and a repeated
    attempt must have the same text to be recognised.
    """
    texts = TEXTS.get(language.split("-", 1)[0].lower(), TEXTS[DEFAULT_LANGUAGE])
    text = texts[outcome.code].format(quantity=outcome.quantity, maximum=outcome.maximum)
    return f"{text} [{reference(post_id)}]"


def reference(post_id: str) -> str:
    """A short name of a post that tells nothing about it."""
    return base64.b32encode(hashlib.sha256(post_id.encode()).digest()).decode("ascii")[:REFERENCE_LENGTH]
