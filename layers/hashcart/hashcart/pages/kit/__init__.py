"""What all pages share. How to add one:

1. Texts in all languages: `texts/<language>/<area>.toml`, the same keys and placeholders in each:

       title = "Your cart"
       emptied = "{title} is no longer in your cart."
       lines = { one = "{count} line", other = "{count} lines" }      # Japanese has `other` alone

2. A template in `templates/<area>/`, which extends `base.html`:

       {% extends "base.html" %}
       {% import "macros.html" as ui with context %}
       {% block title %}{{ t("cart.title") }}{% endblock %}
       {% block main %}
       <h1>{{ t("cart.title") }}</h1>
       <p>{{ t.count("cart.lines", lines | length) }}</p>
       <form method="post" action="/cart/empty">{{ ui.csrf() }}<button>{{ t("cart.empty") }}</button></form>
       {% endblock %}

   Every template sees `t` (texts), `visitor`, `store` (name, operator, hashtags, bot), `money(amount, currency)`,
   `date(ms)`, `date_time(ms)` and `asset("site.css")`. Texts are escaped, placeholders too. No script, no inline style.

3. A class with its use cases and a list of routes; the function's handler passes them to `open_site`:

       class CartPages:
           def routes(self) -> list[Route]:
               return [
                   get("/cart", self.show),
                   post("/cart/lines/{key}/quantity", self.set_quantity, holds="cart.about_to_set_quantity"),
               ]

           def set_quantity(self, visitor: Visitor) -> Response:
               form = visitor.form(QuantityForm)                    # a pydantic model; what does not fit is a 400 page
               self._set(visitor.shopper_id, visitor.path["key"], form.quantity)
               return visitor.redirect("/cart", notice="cart.quantity_set", quantity=form.quantity)

What the kit has done before a handler runs: the route is known (a `{name}` matches `[A-Za-z0-9._~-]+`); the shopper is
signed in unless the route is `public=True`; a POST is small, comes from a page of ours (Fetch metadata or Origin),
carries the session's token and is within its `limit`. Whoever is not signed in is sent to sign in and comes back: to
the page, or, where a POST says what it `holds` (the text of what was about to happen; it may name the form's fields),
to a page that offers to do it now. Every answer gets the security headers. `raise PageError(status, "area.key")` shows
`area.key_title` and `area.key_text`; the reason goes to the log. A page whose form leads to another site names that
site's origin: `visitor.render(…, form_targets=("https://www.amazon.de",))`, as browsers hold redirects to it too.
"""
