"""The two small pages around signing in. They need no script and no file."""

from html import escape

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1d2430; --soft: #5d6878; --line: #d7dce4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171c; --card: #1c2027; --ink: #e8ebf0; --soft: #9aa5b5; --line: #343b46; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground);
       color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
form, main { width: min(22rem, 88vw); padding: 2rem; background: var(--card); border: 1px solid var(--line);
             border-radius: 12px; box-sizing: border-box; }
h1 { margin: 0 0 .25rem; font-size: 1.25rem; }
p { margin: 0 0 1.25rem; color: var(--soft); }
p[role=alert] { color: #d0492f; }
input, button { width: 100%; padding: .65rem .75rem; font: inherit; border-radius: 8px; box-sizing: border-box; }
input { border: 1px solid var(--line); background: transparent; color: inherit; margin: .25rem 0 1rem; }
button { border: 0; background: #2f6fd0; color: #fff; cursor: pointer; }
button:focus-visible, input:focus-visible { outline: 3px solid #7fb0ff; outline-offset: 1px; }
"""


def _page(body: str, head: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>maskwatch review</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    )


def login_page(problem: str = "") -> str:
    """The form that asks for the token, as HTML; `problem` says above it why the last try failed."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return _page(
        '<form method="post" action="/login"><h1>maskwatch review</h1>'
        f"<p>Please enter the token that this page was started with.</p>{alert}"
        '<label>Token<input type="password" name="token" autocomplete="current-password" autofocus required></label>'
        "<button>Sign in</button></form>"
    )


def entered_page(path: str) -> str:
    """Leads on to `path`, a path of this site."""
    to = escape("/" + path.lstrip("/\\"))
    return _page(
        f'<main><h1>Signed in</h1><p><a href="{to}">Go on to the queue</a></p></main>',
        f'<meta http-equiv="refresh" content="0;url={to}">',
    )
