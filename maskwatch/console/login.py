"""The small pages around signing in. They need no script and no file."""

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from maskwatch.console.texts import LANGUAGES, Texts
from maskwatch.console.users import Role, User

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1d2430; --soft: #5d6878; --line: #d7dce4;
        --bad: #b3361d; --link: #2559ad; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171c; --card: #1c2027; --ink: #e8ebf0; --soft: #9aa5b5; --line: #343b46; --bad: #ff8a70;
          --link: #8ab8ff; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
       font: 16px/1.5 system-ui, "Noto Sans KR", "NanumGothic", sans-serif; }
main { width: min(24rem, 90vw); padding: 2rem; background: var(--card); border: 1px solid var(--line);
       border-radius: 12px; box-sizing: border-box; }
h1 { margin: 0 0 .25rem; font-size: 1.25rem; }
p { margin: 0 0 1.25rem; color: var(--soft); }
p[role=alert] { color: var(--bad); }
a { color: var(--link); }
code { display: block; padding: .5rem .65rem; border-radius: 8px; background: var(--ground); color: var(--ink);
       font-size: .85rem; overflow-wrap: anywhere; }
input, button { width: 100%; padding: .65rem .75rem; font: inherit; border-radius: 8px; box-sizing: border-box; }
input { border: 1px solid var(--soft); background: transparent; color: inherit; margin: .25rem 0 1rem; }
button { border: 0; background: #2f6fd0; color: #fff; cursor: pointer; }
nav { margin-top: 1.5rem; display: flex; gap: 1rem; font-size: .9rem; }
button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid #7fb0ff; outline-offset: 1px; }
"""
PATH = re.compile(
    r"/(?![/\\])[!-\[\]-~]*"
)  # of this site: no second slash, no backslash, nothing that browsers leave out
MAX_PATH = 2000
ADD_A_USER = "maskwatch users add NAME --role admin"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the login page asks for: name and password, the token for all, or nothing, where there is neither."""

    password: bool = True
    token: bool = False


def path_of_this_site(path: str) -> str:
    """The path with its query, or `/` for anything else that stands in its place."""
    return path if len(path) <= MAX_PATH and PATH.fullmatch(path) else "/"


def login_page(texts: Texts, asked: Asked, *, to: str = "/", problem: str = "", told: str = "") -> str:
    """The form, as HTML, that leads on to `to`. `problem` says above it why the last try failed, `told` anything else."""
    t = texts
    parts = [f"<h1>maskwatch</h1>{_said(told)}"]
    parts.append(f'<p role="alert">{escape(t(problem))}</p>' if problem else "")
    if asked.password:
        parts.append(_form(t, "with_password", _field(t, "name", "text", "username"), to))
    if asked.token:
        parts.append(_form(t, "with_token", "", to, password="token"))  # noqa: S106 - a field's name
    if not asked.password and not asked.token:
        parts.append(f"<p>{escape(t('login.nobody'))} <code>{ADD_A_USER}</code></p>")
    return _page(t, t("login.title"), "".join(parts) + _languages(t, to))


def entered_page(texts: Texts, path: str) -> str:
    """Leads on to `path`, a path of this site."""
    to = escape(path_of_this_site(path))
    body = (
        f'<h1>{escape(texts("login.signed_in"))}</h1><p><a href="{to}">{escape(texts("login.go_on"))}</a></p>'
    )
    return _page(texts, texts("login.signed_in"), body, f'<meta http-equiv="refresh" content="0;url={to}">')


def not_allowed_page(texts: Texts, user: User, needed: Role) -> str:
    """Says what it takes, with a way back."""
    why = texts("shell.not_allowed", name=user.name, role=texts(f"people.{needed}"))
    body = (
        f"<h1>{escape(texts('login.not_allowed'))}</h1><p>{escape(why)}</p>"
        f'<p><a href="/">{escape(texts("login.back"))}</a></p><nav><a href="/logout">{escape(texts("shell.sign_out"))}</a></nav>'
    )
    return _page(texts, texts("login.not_allowed"), body)


def not_found_page(texts: Texts) -> str:
    """Says that there is no such page, with a way back."""
    title = escape(texts("login.not_found"))
    body = f'<h1>{title}</h1><p>{escape(texts("login.not_found_why"))}</p><p><a href="/">{escape(texts("login.back"))}</a></p>'
    return _page(texts, texts("login.not_found"), body)


def _page(texts: Texts, title: str, body: str, head: str = "") -> str:
    return (
        f'<!doctype html><html lang="{texts.language}"><head><meta charset="utf-8"><title>maskwatch: {escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _said(told: str) -> str:
    return f'<p role="status">{escape(told)}</p>' if told else ""


def _form(texts: Texts, why: str, before: str, to: str, password: str = "password") -> str:  # noqa: S107 - a field's name
    fields = before + _field(texts, password, "password", "current-password")
    hidden = f'<input type="hidden" name="to" value="{escape(path_of_this_site(to))}">'
    return (
        f'<form method="post" action="/login"><p>{escape(texts(f"login.{why}"))}</p>{fields}{hidden}'
        f"<button>{escape(texts('login.enter'))}</button></form>"
    )


def _field(texts: Texts, name: str, kind: str, complete: str) -> str:
    focus = "autofocus " if name != "password" else ""
    return (
        f'<label>{escape(texts(f"login.{name}"))}<input type="{kind}" name="{name}" autocomplete="{complete}" '
        f'autocapitalize="none" {focus}required></label>'
    )


def _languages(texts: Texts, to: str) -> str:
    links = "".join(
        f'<a href="/login?language={language}&amp;to={quote(path_of_this_site(to), safe="/")}" lang="{language}">{name}</a>'
        for language, name in LANGUAGES.items()
        if language != texts.language
    )
    return f"<nav>{links}</nav>"
