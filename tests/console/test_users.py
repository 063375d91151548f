"""The file of users, and the command that changes it."""

import json
import os
import stat
import threading

import pytest
from typer.testing import CliRunner

from maskwatch.cli import app
from maskwatch.cli import users as command
from maskwatch.console import users as users_module
from maskwatch.console.users import Role, User, UserProblem, Users, is_right_password
from maskwatch.core.errors import UserError

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    from argon2 import PasswordHasher

    monkeypatch.setattr(
        users_module, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )


@pytest.fixture
def users(tmp_path):
    return Users(tmp_path / "console")


def test_roles_may_what_those_before_them_may():
    assert [[role.may(needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_users_are_kept_in_a_file_for_its_owner_alone_whatever_the_umask(users):
    before = os.umask(0)
    try:
        users.add(" 김 하나 ", Role.ADMIN, PASSWORD)
        users.add("lee@door", Role.VIEWER, PASSWORD)
    finally:
        os.umask(before)
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600
    text = users.path.read_text()
    assert PASSWORD not in text
    assert "$argon2id$" in text
    again = Users(users.path.parent)
    assert [each.user for each in again.all()] == [User("lee@door", Role.VIEWER), User("김 하나", Role.ADMIN)]
    assert is_right_password(again.get("LEE@Door"), PASSWORD)
    assert not is_right_password(again.get("lee@door"), "another one")
    assert not is_right_password(again.get("nobody"), PASSWORD)
    assert [path.name for path in users.path.parent.iterdir() if path.suffix == ".part"] == []


def test_a_name_and_a_password_are_the_same_in_either_unicode_form(users):
    import unicodedata

    def forms(text):
        return [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]

    (name, name_apart), (password, password_apart) = forms("김하나"), forms("비밀번호 열두 글자")
    assert name != name_apart
    users.add(name_apart, Role.VIEWER, password)
    assert is_right_password(users.get(name), password_apart)


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("", PASSWORD, UserProblem.NAME),
        ("a" * 65, PASSWORD, UserProblem.NAME),
        ("a\nb", PASSWORD, UserProblem.NAME),
        ("a\x1b[31m", PASSWORD, UserProblem.NAME),
        ("Owner", PASSWORD, UserProblem.NAME),
        ("kim", "short", UserProblem.PASSWORD),
        ("kim", "a" * 257, UserProblem.PASSWORD),
        ("kim", "aaaaaaaaaaaa", UserProblem.PASSWORD),
        ("kim-at-the-door", "Kim-at-the-door1", UserProblem.PASSWORD),
        ("LEE", PASSWORD, UserProblem.TAKEN),
    ],
)
def test_what_cannot_be_a_user_is_refused_and_changes_nothing(users, name, password, problem):
    users.add("lee", Role.ADMIN, PASSWORD)
    before = users.path.read_bytes()
    with pytest.raises(UserError) as refused:
        users.add(name, Role.VIEWER, password)
    assert refused.value.problem is problem
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert users.path.read_bytes() == before


def test_the_last_admin_is_neither_removed_nor_made_less(users):
    users.add("kim", Role.ADMIN, PASSWORD)
    users.add("lee", Role.VIEWER, PASSWORD)
    for change in (lambda: users.remove("Kim"), lambda: users.set_role("kim", Role.LABELLER)):
        with pytest.raises(UserError, match="only admin"):
            change()
    users.set_role("kim", Role.ADMIN)
    users.set_role("lee", Role.ADMIN)
    users.remove("kim")
    assert [each.name for each in users.all()] == ["lee"]
    with pytest.raises(UserError, match="no such user"):
        users.remove("kim")


def test_who_changes_at_the_same_time_loses_nothing(users):
    users.add("first", Role.ADMIN, PASSWORD)
    several = [Users(users.path.parent) for _ in range(12)]
    threads = [
        threading.Thread(target=each.add, args=(f"user {n}", Role.VIEWER, PASSWORD))
        for n, each in enumerate(several)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(users.all()) == 13


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": [{"name": "kim"}]}', '{"users": [{"name": "kim", "role": "king", "made_at": "", "password": ""}]}'])  # fmt: skip
def test_a_damaged_file_is_told_by_its_name_and_left_as_it_is(users, text):
    users.path.parent.mkdir()
    users.path.write_text(text)
    for change in (users.all, lambda: users.add("kim", Role.ADMIN, PASSWORD)):
        with pytest.raises(UserError, match=r"users\.json: is not a file of users, or is damaged"):
            change()
    assert users.path.read_text() == text


# the command


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "config.yaml"
    # of sections that it does not use, no password is asked for
    config.write_text(
        "cameras: {door: {source: 'rtsp://u:{MASKWATCH_NONE_SUCH}@192.0.2.1/s'}}\nconsole: {dir: there}\n"
    )

    def ask(*arguments, entered=""):
        return CliRunner().invoke(app, ["users", *arguments, "-c", str(config)], input=entered)

    before = os.umask(0o077)  # as the program does
    yield ask
    os.umask(before)


def test_the_command_adds_lists_changes_and_removes(run, tmp_path):
    def add(name, *options):
        return run("add", name, *options, "--password-stdin", entered=f"{PASSWORD}\n")

    assert "no users yet" in run("list").output
    assert add("김하나", "--role", "admin").output == "김하나 is admin\n"
    assert add("lee").output == "lee is viewer\n"
    users = Users(tmp_path / "there")
    assert is_right_password(users.get("lee"), PASSWORD)
    listed = run("list").output
    assert all(each in listed for each in ("김하나", "admin", "lee", "viewer"))
    assert "argon2" not in listed
    assert run("role", "lee", "labeller").exit_code == 0
    assert run("password", "lee", "--password-stdin", entered="another password\r\n").exit_code == 0
    assert users.get("lee").role is Role.LABELLER
    assert is_right_password(users.get("lee"), "another password")
    assert run("remove", "lee").exit_code == 0
    assert [each.name for each in users.all()] == ["김하나"]
    for arguments in (
        ("remove", "김하나"),
        ("add", "김하나", "--password-stdin"),
        ("role", "x", "admin"),
        ("password", "x"),
    ):
        failed = run(*arguments, entered=f"{PASSWORD}\n")
        assert isinstance(failed.exception, UserError), arguments
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o700


def test_without_a_terminal_nobody_is_asked_for_a_password(run, tmp_path):
    failed = run("add", "kim", entered=f"{PASSWORD}\n{PASSWORD}\n")
    assert "--password-stdin" in str(failed.exception)
    assert not (tmp_path / "there/users.json").exists()


def test_at_a_terminal_the_password_is_asked_for_twice_until_it_will_do(capsys):
    entered = iter(["short", PASSWORD, "another password", PASSWORD, PASSWORD])
    asked = []
    assert command._asked("kim", lambda text: asked.append(text) or next(entered)) == PASSWORD
    assert asked == ["Password", "Password", "Repeat the password", "Password", "Repeat the password"]
    told = capsys.readouterr().err
    assert "at least" in told or "10 to" in told
    assert "differ" in told
    assert PASSWORD not in told
    wrong = iter(["short"] * 9)
    with pytest.raises(UserError):
        command._asked("kim", lambda _: next(wrong))
    assert len(list(wrong)) == 6


def test_a_file_of_users_is_json_that_tells_when_each_was_made(users):
    users.add("kim", Role.ADMIN, PASSWORD)
    (told,) = json.loads(users.path.read_text())["users"]
    assert told.keys() == {"name", "role", "made_at", "password"}
    assert told["made_at"].endswith("Z")
