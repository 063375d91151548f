"""The installed service under a real systemd, in a container root of its own; never on the machine's own root.

Make the root once, as root on Debian 12 (two minutes, 400 MB), then name it:

    apt-get install -y systemd-container debootstrap
    debootstrap --variant=minbase --include=systemd,systemd-sysv,libnss-systemd,dbus,procps,python3-venv,libgl1,libglib2.0-0 \
        bookworm /var/tmp/maskwatch-root
    MASKWATCH_CONTAINER_ROOT=/var/tmp/maskwatch-root python -m pytest -m container

The root stays as it is: what the tests do in it is gone with the container. With MASKWATCH_CONTAINER_JOURNAL
the journal of the run is kept in the file that it names.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

ROOT = Path(__file__).parents[2]
PASSWORD = "s3cret-pw"
INSTALL = "/maskwatch/systemd/install.sh"
SETTINGS = "/etc/maskwatch/config.yaml"

CONFIG = """
cameras:
  door: {source: /footage/clip.mp4, fps: 2}
  entrance: {source: 'rtsp://viewer:{MASKWATCH_ENTRANCE_PASSWORD}@127.0.0.1:8554/stream1'}
alert: {sinks: [log], for_s: 0.5}
queue: {classifier_band: [0, 1]}
"""

# a camera that asks for a password, writes down what it was told, and never lets anybody in
CAMERA = r"""
import re, socket
listener = socket.create_server(("127.0.0.1", 8554))
while True:
    client, _ = listener.accept()
    with client:
        while data := client.recv(65536).decode():
            sequence = re.search(r"CSeq: *(\d+)", data)[1]
            for told in re.findall(r"Authorization: Basic (\S+)", data):
                open("/told", "a").write(told + "\n")
            reply = f'RTSP/1.0 401 Unauthorized\r\nCSeq: {sequence}\r\nWWW-Authenticate: Basic realm="door"\r\n\r\n'
            client.sendall(reply.encode())
"""

# makes environments that also see the packages of the tests, but for what is installed here
PYTHON = r"""#!/bin/sh
python3 "$@" || exit
case "$*" in "-m venv"*)
    for made; do :; done
    libraries=$(echo "$made"/lib/python3*/site-packages)
    mkdir -p /seen
    for each in PACKAGES/*; do
        case ${each##*/} in *maskwatch*) ;; *) ln -sfn "$each" "/seen/${each##*/}" ;; esac
    done
    echo /seen > "$libraries/packages.pth"
    # a program that is well until it serves
    [ ! -e /breaks ] || echo 'import os; "NOTIFY_SOCKET" in os.environ and os._exit(7)' > "$libraries/breaks.pth" ;;
esac
"""

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]


class Container:
    """A booted container. Its root is the folder with a layer over it that vanishes."""

    def __init__(self, root, binds):
        command = ["systemd-nspawn", "-D", root, "--machine=maskwatch-test", "--volatile=overlay"]
        command += ["--register=no", "--keep-unit", "--private-network", "--boot"]
        command += [f"--bind-ro={source}:{target}" for target, source in binds.items()]
        self._nspawn = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._init = self._found_init()
        wait_for(lambda: self.run("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"})

    def _found_init(self):
        def init():
            children = psutil.Process(self._nspawn.pid).children(recursive=True)
            return next((child.pid for child in children if child.name() == "systemd"), None)

        return wait_for(init)

    def run(self, *command, **options):
        enter = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=300, **options)

    def do(self, *command, **options):
        """What must go well; gives its output."""
        done = self.run(*command, **options)
        assert done.returncode == 0, done.stdout + done.stderr + self.journal()
        return done.stdout

    def write(self, path, text):
        self.do("sh", "-c", f"umask 077; cat > {path}", input=text)

    def shows(self, name):
        return self.do("systemctl", "show", "maskwatch", "--value", "-p", name).strip()

    def journal(self):
        return self.run("journalctl", "--no-pager", "-o", "short-precise", "-u", "maskwatch").stdout

    def close(self):
        self.run("systemctl", "poweroff")
        try:
            self._nspawn.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()


def wait_for(condition, timeout_s=90):
    """Until it gives something; gives that."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def footage(tmp_path_factory, bare):
    """A man without a mask who stands there for an hour."""
    import av

    folder = tmp_path_factory.mktemp("footage")
    folder.chmod(0o755)  # the service is another user
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 512, 600, "yuv420p"
        for number in range(7200):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(bare[:600, :512]), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return folder


@pytest.fixture(scope="module")
def container(request):
    root = os.environ.get("MASKWATCH_CONTAINER_ROOT")
    if not root:
        pytest.skip("MASKWATCH_CONTAINER_ROOT names no container root (the head of this file makes one)")
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("needs root and systemd-nspawn")
    assert Path(root).resolve() != Path("/")
    wheel, footage = map(request.getfixturevalue, ("wheel", "footage"))  # not made for nothing
    packages = sysconfig.get_path("purelib")
    booted = Container(
        root, {"/maskwatch": ROOT, "/wheel": wheel.parent, "/footage": footage, packages: packages}
    )
    yield booted
    if kept := os.environ.get("MASKWATCH_CONTAINER_JOURNAL"):
        Path(kept).write_text(booted.journal())
    booted.close()


@pytest.fixture(scope="module")
def update(container, request):
    """Run the script; what the program depends on is that of the tests, as there is no network in there."""
    wheel = request.getfixturevalue("wheel")
    container.write("/python", PYTHON.replace("PACKAGES", sysconfig.get_path("purelib")))
    container.do("chmod", "755", "/python")
    offline = ["env", "PIP_NO_DEPS=1", "PIP_NO_INDEX=1", "sh", INSTALL, "--python", "/python"]

    def run(source=f"/wheel/{wheel.name}"):
        return container.run(*offline, "--from", source)

    return run


@pytest.fixture(scope="module")
def installed(container, update):
    first = update()
    assert first.returncode == 0, first.stdout + first.stderr
    container.write(SETTINGS, CONFIG)
    container.do("chmod", "644", SETTINGS)  # as it was installed once
    again = update()
    assert again.returncode == 0, again.stdout + again.stderr
    return first.stdout, again.stdout


@pytest.fixture(scope="module")
def running(container, installed):
    container.write("/camera.py", CAMERA)
    container.do("systemd-run", "--unit=camera", "python3", "/camera.py")
    failed = container.run("systemctl", "start", "maskwatch")
    assert failed.returncode != 0
    assert (
        f"{SETTINGS}:4: cameras.entrance.source: the environment has no MASKWATCH_ENT" in container.journal()
    )
    container.do("systemctl", "stop", "maskwatch")
    container.write("/etc/maskwatch/credentials/ENTRANCE_PASSWORD", f"{PASSWORD}\n")
    container.do("systemctl", "start", "maskwatch")  # comes back when it is READY
    return container


def is_up_again(container):
    return container.shows("ActiveState") == "active" and "1 of 2 cameras up" in container.shows("StatusText")


def test_the_script_installs_enables_and_keeps_the_configuration_when_run_again(container, installed):
    first, again = installed
    assert f"made      {SETTINGS}" in first
    assert f"kept      {SETTINGS}" in again
    assert container.do("cat", SETTINGS) == CONFIG
    assert container.do("systemctl", "is-enabled", "maskwatch").strip() == "enabled"
    assert container.do("stat", "-c", "%a %U", "/etc/maskwatch/credentials").strip() == "700 root"
    assert container.do("stat", "-c", "%a %U %G", SETTINGS).strip() == "640 root maskwatch"
    for unit in ("maskwatch.service", "maskwatch-review.service"):
        verify = container.run("systemd-analyze", "verify", "--recursive-errors=no", unit)
        assert (verify.returncode, verify.stderr) == (0, "")
        container.do("systemd-analyze", "security", "--threshold=25", unit)
    assert container.run("systemctl", "is-enabled", "maskwatch-review").stdout.strip() == "static"


def test_it_starts_is_ready_and_tells_its_state_in_one_line(running):
    assert running.shows("ActiveState") == "active"
    assert wait_for(lambda: is_up_again(running))
    assert "down: entrance" in wait_for(lambda: "down" in (text := running.shows("StatusText")) and text)
    assert "no mask" in wait_for(lambda: "no mask" in (text := running.journal()) and text)


def test_it_runs_as_nobody_and_can_write_nothing_but_its_queue(running):
    pid = running.shows("MainPID")
    user = re.search(r"Uid:\s+(\d+)", running.do("cat", f"/proc/{pid}/status"))[1]
    assert user == running.do("id", "-u", "maskwatch").strip() != "0"
    inside = [
        "nsenter",
        "-t",
        pid,
        "-m",
        "--",
        "setpriv",
        "--reuid",
        user,
        "--regid",
        user,
        "--clear-groups",
        "touch",
    ]
    assert running.run(*inside, "/var/lib/maskwatch/x").returncode == 0
    for path in ("/opt/maskwatch/x", "/etc/maskwatch/x", "/var/x", "/usr/x", "/home/x"):
        assert running.run(*inside, path).returncode != 0, path


def test_the_password_comes_as_a_credential_to_the_camera_and_nowhere_else(running):
    import base64

    running.do("sh", "-c", "until test -s /told; do sleep 0.2; done")
    told = running.do("cat", "/told").split()
    assert base64.b64decode(told[0]).decode() == f"viewer:{PASSWORD}"
    pid = running.shows("MainPID")
    seen = (
        running.journal()
        + running.do("systemctl", "status", "maskwatch")
        + running.do("systemctl", "show", "maskwatch")
    )
    seen += running.do("cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")
    assert PASSWORD not in seen
    assert "CREDENTIALS_DIRECTORY" in seen


def test_a_reload_takes_the_new_configuration_and_a_wrong_one_is_refused_with_its_line(running):
    pid = running.shows("MainPID")
    running.write(SETTINGS, CONFIG.replace("door:", "gate:"))
    running.do("systemctl", "reload", "maskwatch")
    wait_for(lambda: "gate: up" in running.journal())
    running.write(SETTINGS, CONFIG.replace("fps: 2", "fsp: 2"))
    assert running.run("systemctl", "reload", "maskwatch").returncode != 0
    assert f"{SETTINGS}:3: cameras.door.fsp: unknown key; did you mean fps?" in running.journal()
    assert wait_for(lambda: is_up_again(running))
    assert running.shows("MainPID") == pid
    running.write(SETTINGS, CONFIG)
    running.do("systemctl", "reload", "maskwatch")
    wait_for(lambda: running.journal().count("door: up") == 2)
    assert running.shows("NRestarts") == "0"


def test_a_process_that_hangs_is_killed_by_the_watchdog_and_comes_back(running):
    pid = running.shows("MainPID")
    start = time.monotonic()
    running.do("kill", "-STOP", pid)
    wait_for(lambda: "Watchdog timeout" in running.journal())
    assert 15 < time.monotonic() - start < 40
    wait_for(lambda: running.shows("MainPID") not in {pid, "0"} and is_up_again(running))
    assert running.shows("NRestarts") == "1"
    print(f"back {time.monotonic() - start:.1f} s after it hung")


def test_a_process_that_is_killed_comes_back(running):
    pid = running.shows("MainPID")
    start = time.monotonic()
    running.do("kill", "-KILL", pid)
    wait_for(lambda: running.shows("MainPID") not in {pid, "0"} and is_up_again(running))
    assert running.shows("NRestarts") == "2"
    print(f"back {time.monotonic() - start:.1f} s after it was killed")


def test_an_update_that_fails_leaves_the_old_service_running(running, update):
    pid, before = running.shows("MainPID"), running.do("readlink", "/opt/maskwatch/.venv")
    running.write("/broken-1.0-py3-none-any.whl", "is no wheel")
    assert update("/broken-1.0-py3-none-any.whl").returncode == 1
    running.write(SETTINGS, CONFIG.replace("fps: 2", "fsp: 2"))
    refused = update()
    assert refused.returncode == 1
    assert f"{SETTINGS}:3: cameras.door.fsp: unknown key; did you mean fps?" in refused.stderr
    running.write(SETTINGS, CONFIG)
    assert running.shows("MainPID") == pid
    assert running.do("readlink", "/opt/maskwatch/.venv") == before
    assert is_up_again(running)


def test_an_update_that_does_not_start_is_taken_back(running, update):
    before, units = running.do("readlink", "/opt/maskwatch/.venv"), running.do("ls", "/etc/systemd/system")
    running.write("/breaks", "")
    failed = update()
    running.do("rm", "/breaks")
    assert failed.returncode == 1
    assert "the service does not start" in failed.stderr
    assert failed.stderr.endswith("install.sh: the old service runs again\n")
    assert running.do("readlink", "/opt/maskwatch/.venv") == before
    assert running.do("ls", "/etc/systemd/system") == units
    assert wait_for(lambda: is_up_again(running))


def test_an_update_takes_over_and_a_rollback_goes_back(running, update):
    before, pid = running.do("readlink", "/opt/maskwatch/.venv"), running.shows("MainPID")
    done = update()
    assert done.returncode == 0, done.stderr
    assert running.do("readlink", "/opt/maskwatch/.venv") != before
    assert wait_for(lambda: is_up_again(running))
    assert running.shows("MainPID") != pid
    running.do("sh", INSTALL, "rollback")
    assert running.do("readlink", "/opt/maskwatch/.venv") == before
    assert wait_for(lambda: is_up_again(running))


def owners(running):
    return set(running.do("find", "-L", "/var/lib/maskwatch", "-printf", "%U:%G\n").split())


def test_people_label_at_the_installed_service_in_the_browser_and_as_root(running):
    """The page serves the service's own samples, as its user; what root does beside it stays the service's."""
    import json

    wait_for(lambda: running.run("sh", "-c", "ls /var/lib/maskwatch/queue/door/*/*.json").returncode == 0)
    running.do("systemctl", "start", "maskwatch-review")
    ask = (
        "import http.cookiejar, sys, urllib.parse, urllib.request as r\n"
        "o = r.build_opener(r.HTTPCookieProcessor(http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy())))\n"
        "form = urllib.parse.urlencode({'name': 'kim', 'password': 'correct horse battery'}).encode()\n"
        "o.open('http://127.0.0.1:8472/login', form)\n"
        "print(o.open('http://127.0.0.1:8472/queue/thumbnail/' + sys.argv[1] + '.jpg').headers['content-type'])\n"
    )
    add = "echo correct horse battery | /opt/maskwatch/.venv/bin/maskwatch users add kim --role admin --password-stdin"
    running.do("sh", "-c", f"{add} -c {SETTINGS}")
    record = running.do("sh", "-c", "ls /var/lib/maskwatch/queue/door/*/*.json | head -1").strip()
    name = Path(record).stem
    wait_for(lambda: running.run("python3", "-c", ask, name).stdout.strip() == "image/jpeg")
    pid = running.do("systemctl", "show", "maskwatch-review", "--value", "-p", "MainPID").strip()
    user = running.do("id", "-u", "maskwatch").strip()
    assert re.search(r"Uid:\s+(\d+)", running.do("cat", f"/proc/{pid}/status"))[1] == user
    told = running.do(
        "sh", "-c", f"ls $(tr '\\0' '\\n' < /proc/{pid}/environ | sed -n s/^CREDENTIALS_DIRECTORY=//p)"
    )
    assert told.split() == ["MASKWATCH_REVIEW_TOKEN"]  # no camera's password
    running.do("systemctl", "stop", "maskwatch-review")
    running.write("/etc/maskwatch/credentials/REVIEW_TOKEN", "correct horse battery\n")
    running.do("systemctl", "start", "maskwatch-review")
    enter = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8472/?token=correct%20horse%20battery').status)"
    wait_for(lambda: running.run("python3", "-c", enter).stdout.strip() == "200")
    running.do("systemctl", "stop", "maskwatch-review")

    gid = running.do("id", "-g", "maskwatch").strip()
    program = ["/opt/maskwatch/.venv/bin/maskwatch"]
    running.do(*program, "queue", "label", name, "--no-faces", "--by", "kim", "-c", SETTINGS)
    running.do(*program, "models", "promote", "shipped", "-c", SETTINGS)
    assert json.loads(running.do("cat", record))["labels"]["by"] == "kim"
    assert owners(running) == {f"{user}:{gid}"}


def test_it_stops_when_told_well_and_in_time(running):
    start = time.monotonic()
    running.do("systemctl", "stop", "maskwatch")
    assert time.monotonic() - start < 10
    assert (running.shows("Result"), running.shows("ExecMainStatus")) == ("success", "0")
    assert PASSWORD not in running.journal()


def test_the_uninstallation_leaves_the_queue_and_the_configuration(running):
    running.do("mkdir", "-p", "/var/lib/private/maskwatch/queue")
    running.do("touch", "/var/lib/private/maskwatch/queue/sample")
    told = running.do("sh", INSTALL, "uninstall")
    running.do("test", "-f", "/var/lib/private/maskwatch/queue/sample")
    running.do("test", "-f", SETTINGS)
    running.do("test", "-f", "/etc/maskwatch/credentials/ENTRANCE_PASSWORD")
    assert "/var/lib/private/maskwatch" in told
    for gone in ("/opt/maskwatch", "/etc/systemd/system/maskwatch.service", "/var/cache/private/maskwatch"):
        assert running.run("test", "-e", gone).returncode != 0, gone
    assert running.run("systemctl", "status", "maskwatch").returncode == 4  # no such unit
    running.do("sh", INSTALL, "uninstall")  # again: nothing to do, no error


OLD = """
[Service]
Type=exec
ExecStart=/opt/maskwatch/.venv/bin/maskwatch
DynamicUser=yes
StateDirectory=maskwatch
"""


def test_an_installation_of_the_time_before_releases_is_taken_over_while_it_runs(running, update):
    """Its environment is a folder, its configuration for all to read, its user one that systemd made."""
    running.do("userdel", "maskwatch")
    running.do("mkdir", "-p", "/opt/maskwatch/.venv/bin")
    for name in ("maskwatch", "python"):
        running.write(f"/opt/maskwatch/.venv/bin/{name}", "#!/bin/sh\nexec sleep infinity\n")
    running.write("/etc/systemd/system/maskwatch.service", OLD)
    running.do("chmod", "-R", "755", "/opt/maskwatch")
    running.do("chmod", "644", SETTINGS)
    running.do("systemctl", "daemon-reload")
    running.do("systemctl", "start", "maskwatch")
    old = running.do("stat", "-L", "-c", "%u", "/var/lib/maskwatch").strip()
    assert 61184 <= int(old) <= 65519  # systemd's range for users that come and go with a service
    done = update()
    assert done.returncode == 0, done.stdout + done.stderr + running.journal()
    assert wait_for(lambda: is_up_again(running))
    user = running.do("id", "-u", "maskwatch").strip()
    assert user != old
    assert {owner.split(":")[0] for owner in owners(running)} == {user}
    assert running.do("stat", "-c", "%a %U %G", SETTINGS).strip() == "640 root maskwatch"
    assert running.do("readlink", "/opt/maskwatch/.venv-previous").strip() == "releases/0"
    running.do("systemctl", "stop", "maskwatch")
