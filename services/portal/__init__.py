"""The User Portal, the Support console and their HTTP API, over read tables fed by events.

How to add a page:

1. Its area is a package (`customer`, `support`, `api`): a module of coroutines that take a
   `Visit` (`web/visits.py`) and answer `render(visit, "area/page.html", {...})` (`web/pages.py`),
   each under a guard: `for_customers`, `for_staff("support")`, `for_everybody`. Guards check
   logins, whose account it is, and the token of forms.
2. Its routes stand in the area's `ROUTES`; a new area is added to `AREAS` in `web/app.py`.
3. What it reads is a named statement in the store's module of that area (`store/*.py` + `.sql`).
4. Its template extends `base.html` and imports `parts.html`: tables, money, times, states, forms.
   What changes by itself stands in `{% call live(...) %}`: HTMX fetches it anew when something
   happened to the account.
5. Its words stand in `words/<area>.toml`, each in every language; a test finds what is missing.
6. What it does is an `Act` (`acts.py`): `await visit.act(Act(kind, message, key, account_id))`,
   then a redirect to `/accounts/{account_id}/acts/{act_id}`, which follows it. The message's type
   stands in `also_says` of `app.py`, and `form_key()` gives the form its key.
"""
