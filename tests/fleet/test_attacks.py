"""Whoever may write to the share, or sits on the way to it, cannot make a service take what was not signed."""

import json
import os
import stat

import pytest

from maskwatch.core.errors import ConfigError, FleetError, FleetUnreachable
from maskwatch.fleet.manifest import FILES, MANIFEST, SERVICES
from maskwatch.fleet.publish import Publisher, read_manifest
from maskwatch.fleet.report import read_reports
from maskwatch.fleet.signing import PASSPHRASE, make_key, read_private, read_public, sign, verified
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Version
from maskwatch.platform.clock import utc_now

from .conftest import V1, V2, add


def detector_of(folder, publisher, version=V1):
    return folder / FILES / publisher.manifest().release(version).files[DETECTOR].sha256


def resigned(folder, publisher, change):
    """The manifest with a change, signed with the fleet's own key: what a service has to refuse all the same."""
    data = json.loads((folder / MANIFEST).read_bytes().partition(b"\n")[0])
    change(data)
    (folder / MANIFEST).write_bytes(sign(json.dumps(data).encode(), publisher._key))


def refused(shop, match, error=FleetError):
    with pytest.raises(error, match=match):
        shop.look()
    assert shop.serving == SHIPPED
    assert shop.registry.versions() == []


def test_a_manifest_that_somebody_else_signed_is_refused(publisher, source, service, folder, keys):
    Publisher(folder, read_private(keys / "theirs", None)).publish(source, V1, Stage.ALL)
    refused(service(), "not signed with the key that is trusted")
    with pytest.raises(FleetError, match="not signed"):
        publisher.publish(source, V2)


@pytest.mark.parametrize("signature", [b"", b"AAAA", b"not base64 at all", b"\xff\xfe"])
def test_a_manifest_without_a_right_signature_is_refused(publisher, source, service, folder, signature):
    publisher.publish(source, V1, Stage.ALL)
    document = (folder / MANIFEST).read_bytes().partition(b"\n")[0]
    (folder / MANIFEST).write_bytes(document + b"\n" + signature)
    refused(service(), "not signed")


def test_a_signature_of_something_else_is_none_of_a_manifest(publisher, source, service, folder):
    from base64 import b64encode

    publisher.publish(source, V1, Stage.ALL)
    document = (folder / MANIFEST).read_bytes().partition(b"\n")[0]
    (folder / MANIFEST).write_bytes(document + b"\n" + b64encode(publisher._key.sign(document)))
    refused(service(), "not signed")


def test_a_stage_that_was_changed_is_refused(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.SHADOW)
    changed = (folder / MANIFEST).read_bytes().replace(b'"stage":"shadow"', b'"stage":"all"')
    (folder / MANIFEST).write_bytes(changed)
    refused(service(), "not signed")


def test_weights_that_were_changed_are_refused_and_taken_when_they_are_right_again(
    publisher, source, service, folder
):
    publisher.publish(source, V1, Stage.ALL)
    path = detector_of(folder, publisher)
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"!")
    shop = service()
    refused(shop, "SHA-256 differs")
    path.write_bytes(right)
    assert shop.look() == V1


def test_an_old_manifest_is_refused_though_it_is_signed(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    old = (folder / MANIFEST).read_bytes()
    publisher.stage(V1, Stage.WITHDRAWN)
    shop = service()
    assert shop.look() == SHIPPED
    (folder / MANIFEST).write_bytes(old)
    refused(shop, "is an older one")


def test_what_is_published_over_an_old_manifest_is_newer_than_the_one_that_was_there(
    publisher, source, service, folder, monkeypatch
):
    publisher.publish(source, V1, Stage.SHADOW)
    old = (folder / MANIFEST).read_bytes()
    for second in range(1, 5):
        monkeypatch.setattr("maskwatch.fleet.publish.time.time", lambda at=second: 2e9 + at)
        publisher.stage(V1, Stage.SHADOW)
    shop = service()
    shop.look()
    (folder / MANIFEST).write_bytes(old)
    monkeypatch.setattr("maskwatch.fleet.publish.time.time", lambda: 2e9 + 60)
    publisher.stage(V1, Stage.ALL)
    assert shop.look() == V1


@pytest.mark.parametrize(
    "name",
    [
        "../../current.json",
        "/etc/passwd",
        "detector.pt",
        "detector.pkl",
        "meta.json",
        "classifier.safetensors/x",
    ],
)
def test_a_file_of_another_name_is_refused(publisher, source, service, folder, name):
    publisher.publish(source, V1, Stage.ALL)

    def change(data):
        files = data["releases"][0]["files"]
        files[name] = files[DETECTOR]

    resigned(folder, publisher, change)
    refused(service(), "none that this release knows")


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "A" * 64, "0" * 63, ""])
def test_a_digest_that_is_none_is_refused(publisher, source, service, folder, digest):
    publisher.publish(source, V1, Stage.ALL)
    resigned(folder, publisher, lambda d: d["releases"][0]["files"][DETECTOR].update(sha256=digest))
    refused(service(), "none that this release knows")


@pytest.mark.parametrize("version", ["../up", "a/b", ".hidden", "shipped", "", "x" * 65])
def test_a_version_of_a_name_that_is_none_is_refused(publisher, source, service, folder, version):
    publisher.publish(source, V1, Stage.ALL)
    resigned(folder, publisher, lambda data: data["releases"][0].update(version=version))
    refused(service(), "none that this release knows")


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'{"format": 2}', b"[" * 5000])
def test_a_document_that_is_no_manifest_is_refused(publisher, service, folder, document):
    (folder / MANIFEST).write_bytes(sign(document, publisher._key))
    refused(service(), "none that this release knows")


def test_a_release_without_weights_is_refused(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    resigned(folder, publisher, lambda data: data["releases"][0]["files"].pop(CLASSIFIER))
    refused(service(), "none that this release knows")


def test_a_version_that_is_too_large_is_refused_before_anything_is_loaded(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    for path in (folder / FILES).iterdir():
        path.unlink()
    refused(service(max_bytes=1000), "fleet.max_mb")


def test_a_file_that_goes_on_behind_its_signed_size_is_refused(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    path = detector_of(folder, publisher)
    os.truncate(path, 50_000_000_000)  # takes no room on the disk
    shop = service()
    refused(shop, "larger than")
    assert sum(path.stat().st_size for path in (shop.registry.folder / "fleet").iterdir()) < 100_000


def test_a_manifest_without_an_end_is_refused(publisher, service, folder):
    (folder / MANIFEST).touch()
    os.truncate(folder / MANIFEST, 50_000_000_000)
    refused(service(), "larger than")


def test_a_download_that_broke_off_goes_on_where_it_was(publisher, source, service, folder, monkeypatch):
    publisher.publish(source, V1, Stage.ALL)
    path = detector_of(folder, publisher)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    shop = service()
    refused(shop, "broke off after 1000 of", FleetUnreachable)
    path.write_bytes(b"?" * 1000 + whole[1000:])  # the first part is not asked for again
    assert shop.look() == V1
    assert shop.registry.files(V1).detector.read_bytes() == whole


def test_a_part_of_another_file_is_loaded_anew(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    path = detector_of(folder, publisher)
    shop = service()
    parts = shop.registry.folder / "fleet"
    parts.mkdir(parents=True)
    (parts / f"{path.name}.part").write_bytes(b"?" * 100)
    (parts / f"{'0' * 64}.part").write_bytes(b"of a release that was given up")
    refused(shop, "SHA-256 differs")
    assert list(parts.glob("*.part")) == []
    assert shop.look() == V1


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
@pytest.mark.parametrize("which", ["manifest", "weights"])
def test_what_is_no_file_in_the_share_is_not_followed(
    publisher, source, service, folder, tmp_path, what, which
):
    publisher.publish(source, V1, Stage.ALL)
    path = folder / MANIFEST if which == "manifest" else detector_of(folder, publisher)
    if what == "link":
        target = path.rename(tmp_path / "elsewhere")
        path.symlink_to(target)
    else:
        path.unlink()
        os.mkfifo(path) if what == "pipe" else path.mkdir()
    refused(service(), "is no file")


def test_a_link_in_the_place_of_the_reports_makes_a_service_write_nowhere_else(
    publisher, source, service, folder, tmp_path
):
    publisher.publish(source, V1, Stage.ALL)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / SERVICES).rmdir()
    (folder / SERVICES).symlink_to(elsewhere)
    shop = service()
    with pytest.raises(OSError):
        shop.look()
    assert shop.serving == V1
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_place_of_a_report_is_replaced_and_not_followed(
    publisher, source, service, folder, tmp_path
):
    publisher.publish(source, V1, Stage.ALL)
    secret = tmp_path / "secret"
    secret.write_text("mine")
    for name in ("shop.json", ".shop.json.part"):
        (folder / SERVICES / name).symlink_to(secret)
    shop = service()
    with pytest.raises(OSError):  # its part is a link, too
        shop.look()
    (folder / SERVICES / ".shop.json.part").unlink()
    shop.look()
    assert secret.read_text() == "mine"
    assert [each.name for each in read_reports(folder)] == ["shop"]


def test_a_service_s_name_is_no_path(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    service(r"..").look()
    assert [path.parent.name for path in folder.rglob("*.json")] == [SERVICES]


def test_what_is_no_report_is_left_out(folder, publisher, source, service):
    publisher.publish(source, V1)
    service().look()
    (folder / SERVICES / "a.json").write_text("{")
    (folder / SERVICES / "b.json").write_bytes(b"\xff" * 100)
    (folder / SERVICES / "c.json").symlink_to("/etc/hostname")
    os.mkfifo(folder / SERVICES / "d.json")
    (folder / SERVICES / "e.json").mkdir()
    assert [each.name for each in read_reports(folder)] == ["shop"]


def test_a_version_of_that_name_that_is_another_one_here_is_not_overwritten(
    publisher, source, service, tmp_path
):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    add(shop.registry, V1, tmp_path / "others", size=500)
    with pytest.raises(FleetError, match="other files under this name"):
        shop.look()
    assert shop.serving == SHIPPED


@pytest.mark.parametrize("top", [0o755, 0o2775])
def test_others_may_read_what_is_published_and_report_there_whatever_the_umask(
    publisher, source, service, folder, top
):
    folder.chmod(top)
    before = os.umask(0o077)
    try:
        publisher.publish(source, V1, Stage.ALL)
        service().look()
    finally:
        os.umask(before)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.iterdir())}
    assert modes == {
        folder.name: oct(top),
        ".lock": "0o644",
        MANIFEST: "0o644",
        FILES: oct(top),
        SERVICES: "0o1777",
    }
    files = [*(folder / FILES).iterdir(), *(folder / SERVICES).iterdir()]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {"0o644"}


def test_a_version_is_published_once_under_its_name(publisher, source, tmp_path):
    publisher.publish(source, V1)
    other = type(source)(tmp_path / "other")
    add(other, V1, tmp_path / "others", size=500)
    with pytest.raises(FleetError, match="other files are published under this name"):
        publisher.publish(other, V1)
    with pytest.raises(FleetError, match="nothing to publish"):
        publisher.publish(source, SHIPPED)
    with pytest.raises(FleetError, match="v2 is not published there"):
        publisher.stage(V2, Stage.ALL)


def test_a_damaged_note_of_the_fleet_is_told_and_changes_nothing(publisher, source, service):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.registry.folder.mkdir(parents=True)
    (shop.registry.folder / "fleet.json").write_text("{")
    refused(shop, "fleet.json: cannot be read")


def test_the_private_key_is_its_user_s_alone_and_may_have_a_passphrase(tmp_path):
    public = make_key(tmp_path / "key", "correct horse")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (tmp_path / "key").read_bytes()
    key = read_private(tmp_path / "key", "correct horse")
    assert verified(sign(b"x", key), read_public(str(public))) == b"x"
    assert verified(sign(b"x", key), read_public(public.read_text().strip())) == b"x"
    with pytest.raises(ConfigError, match="another") as told:
        read_private(tmp_path / "key", "wrong horse")
    assert "wrong horse" not in str(told.value)
    with pytest.raises(ConfigError, match=PASSPHRASE):
        read_private(tmp_path / "key", None)


def test_a_key_that_others_may_read_or_that_is_there_already_is_refused(tmp_path):
    make_key(tmp_path / "key", None)
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        make_key(tmp_path / "key", None)
    assert (tmp_path / "key").read_bytes() == before
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_private(tmp_path / "key", None)


@pytest.mark.parametrize("text", ["ed25519:", "ed25519:AAAA", "ed25519:!!!!", "ed25519: x y", "no/such/file"])
def test_a_public_key_that_is_none_is_told_with_its_setting(text):
    with pytest.raises(ConfigError, match=r"fleet\.public_key"):
        read_public(text)


def test_two_public_keys_are_trusted_while_one_follows_the_other(tmp_path, keys, source, folder):
    both = tmp_path / "both.pub"
    lines = [(keys / f"{name}.pub").read_text() for name in ("ours", "theirs")]
    both.write_text("# the one until 2027\n" + "\n".join(lines))
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        publisher = Publisher(tmp_path / name, read_private(keys / name, None))
        publisher.publish(source, V1)
        assert read_manifest(tmp_path / name, read_public(str(both))).release(V1)


def test_a_key_of_another_kind_is_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "key"
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        read_private(path, None)


def test_the_registry_it_is_published_from_must_be_whole(publisher, source):
    from maskwatch.core.errors import ModelError

    source.files(V1).detector.write_bytes(b"other")
    with pytest.raises(ModelError, match="is not what was registered"):
        publisher.publish(source, V1)
    assert publisher.manifest() is None


def test_a_release_is_made_of_nothing_else_that_a_registry_may_hold(publisher, source, tmp_path):
    extra = tmp_path / "notes.txt"
    extra.write_text("who labelled what")
    files = {DETECTOR: extra, CLASSIFIER: extra, "notes.txt": extra}
    source.add(files, Version("v3", None, utc_now()))
    assert set(publisher.publish(source, "v3").release("v3").files) == {DETECTOR, CLASSIFIER}
