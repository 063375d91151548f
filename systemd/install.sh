#!/bin/sh
# Installs maskwatch as a systemd service, or takes it away again. Run as root; running it again updates the program.
#
#   systemd/install.sh [--from SOURCE] [--python PYTHON] [--root FOLDER]
#   systemd/install.sh rollback [--root FOLDER]
#   systemd/install.sh uninstall [--root FOLDER]
#
# SOURCE is what pip installs: a folder, a wheel; by default the checkout that this script lies in.
# FOLDER stands for /, to try it out; nothing is enabled, started or stopped there.
# An update is made beside the old program, tried, and takes its place in one step: one that fails leaves the old
# program, its units and the running service as they are. rollback goes back to the one before, and forth again.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
units="maskwatch.service maskwatch-learn.service maskwatch-learn.timer maskwatch-review.service"
services="maskwatch.service maskwatch-review.service maskwatch-learn.service"
account=maskwatch
command=install
from=
python=python3
root=

fail() { # MESSAGE [EXIT CODE]
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
}

# Where SOURCE is found by itself: beside this script in a checkout; in an installed package it must be named.
default_source() {
    [ -f "$here/../pyproject.toml" ] || fail "name what to install: --from WHEEL"
    (cd "$here/.." && pwd)
}

# A release is an environment that stays where it was made, as its scripts name their own place. `.venv` leads to the
# one that serves, `.venv-previous` to the one before.

build_release() { # sets $release, and $unfinished until it serves
    install -d -m 755 "$program/releases"
    number=1
    while ! mkdir "$program/releases/$number" 2>/dev/null; do
        [ -e "$program/releases/$number" ] || fail "$program/releases/$number: cannot be made"
        number=$((number + 1))
    done
    release=$program/releases/$number
    unfinished=$release
    "$python" -m venv "$release"
    "$release/bin/python" -m pip install --quiet -c "$here/../requirements.lock" "${from}[fast,mqtt,notify,postgres]"
}

try_release() {
    "$release/bin/maskwatch" --version >/dev/null || fail "the new program does not start"
    # all that the service loads: a library that the system lacks is missed here, not by the cameras
    "$release/bin/python" -c 'import maskwatch.app.service, maskwatch.app.compose' || fail "the new program does not load"
    [ ! -e "$settings" ] ||
        (cd "$root/var/lib/maskwatch" 2>/dev/null || cd /
            exec "$release/bin/maskwatch" check --config "$settings" --config-only) ||
        fail "the new program refuses the configuration"
}

point() { # LINK RELEASE: in one step
    ln -s "releases/${2##*/}" "$1.new"
    mv -fT "$1.new" "$1"
}

serving() { # the release that a link leads to; nothing where there is none
    case $(readlink "$1") in
    releases/*) echo "$program/$(readlink "$1")" ;;
    *) ;;
    esac
}

switch_to() { # RELEASE
    before=$(serving "$program/.venv")
    if [ -z "$before" ] && [ -e "$program/.venv" ]; then # an environment of the time before there were releases
        before=$program/releases/0                       # its scripts name .venv, which leads to them when it serves
        rm -rf "$before" "$program/.venv.new"
        ln -s "releases/${1##*/}" "$program/.venv.new"
        mv -T "$program/.venv" "$before"
        mv -fT "$program/.venv.new" "$program/.venv"
    else
        point "$program/.venv" "$1"
    fi
    [ -z "$before" ] || [ "$before" = "$1" ] || point "$program/.venv-previous" "$before"
}

prune() {
    for each in "$program"/releases/*; do
        case $each in
        "$(serving "$program/.venv")" | "$(serving "$program/.venv-previous")") ;;
        *) rm -rf "$each" ;;
        esac
    done
}

make_account() {
    [ -z "$root" ] || return 0
    # not the one that systemd makes while the service of an older installation runs
    export SYSTEMD_NSS_DYNAMIC_BYPASS=1
    getent group "$account" >/dev/null || groupadd --system "$account"
    getent passwd "$account" >/dev/null ||
        useradd --system --gid "$account" --no-create-home --home-dir / --shell /usr/sbin/nologin "$account"
}

install_settings() {
    install -d -m 755 "$root/etc/maskwatch"
    install -d -m 700 "$root/etc/maskwatch/credentials"
    if [ -e "$settings" ]; then
        echo "kept      $settings"
    else
        # it lies beside the folder of this script, in a checkout and in a package
        install -m 640 "$here/../config.yaml" "$settings"
        echo "made      $settings"
    fi
    [ -n "$root" ] || chgrp "$account" "$settings"
    chmod u=rw,g=r,o= "$settings" # for root and the service
}

# The units that belong to the release that serves; those of another release go.
install_units() {
    install -d -m 755 "$root/etc/systemd/system"
    own=$(echo "$program"/.venv/lib/python3*/site-packages/maskwatch/shipped/systemd)
    if [ ! -f "$own/maskwatch.service" ]; then # of a checkout that was installed to be worked on
        echo "kept      the units"
        return
    fi
    for unit in $units; do
        if [ -f "$own/$unit" ]; then
            install -m 644 "$own/$unit" "$root/etc/systemd/system/$unit"
            echo "installed $root/etc/systemd/system/$unit"
        else
            rm -f "$root/etc/systemd/system/$unit"
        fi
    done
    [ -n "$root" ] || systemctl daemon-reload
}

stop_services() { # sets $active
    active=
    [ -z "$root" ] || return 0
    for unit in $services; do
        case $(systemctl show --value -p ActiveState "$unit") in
        active | activating | reloading) active="$active $unit" ;;
        *) ;;
        esac
    done
    # all together: they share a user, who is another one before and after the first of these releases
    # shellcheck disable=SC2086 # a list
    [ -z "$active" ] || systemctl stop $active
}

start_services() { # whether what ran before runs again
    for unit in $active; do
        case $unit in
        maskwatch-learn.service) systemctl start --no-block "$unit" ;; # goes on where it was, for hours
        *) systemctl start "$unit" || return 1 ;;
        esac
    done
}

serve() { # RELEASE: with its units, in the place of the one that serves; when the service does not start, back again
    older=$(serving "$program/.venv-previous")
    stop_services
    switch_to "$1"
    install_units
    start_services && return
    echo "install.sh: the service does not start (journalctl -u maskwatch tells why); going back" >&2
    # shellcheck disable=SC2086 # a list
    systemctl stop $active
    switch_to "$before"
    install_units
    rm -f "$program/.venv-previous"
    [ -z "$older" ] || point "$program/.venv-previous" "$older"
    [ "$1" = "$older" ] || rm -rf "$1"
    start_services || fail "the old service does not start either"
    fail "the old service runs again"
}

say_what_is_next() {
    cat <<EOF

Now
 1. name your cameras in            $settings
 2. write each camera's password    (umask 077; cat > $root/etc/maskwatch/credentials/ENTRANCE_PASSWORD)
    which the configuration calls   {MASKWATCH_ENTRANCE_PASSWORD}
 3. start                           systemctl restart maskwatch
 4. look                            systemctl status maskwatch; journalctl -u maskwatch
 5. add yourself to the console     $root/opt/maskwatch/.venv/bin/maskwatch users add NAME --role admin -c $settings
    and open it                     http://localhost:8471/, from elsewhere by ssh -L 8471:localhost:8471 HOST
After a change of the configuration: systemctl reload maskwatch. After one of a password: systemctl restart maskwatch.
EOF
}

install_program() {
    trap '[ -z "$unfinished" ] || rm -rf "$unfinished"' EXIT
    trap 'exit 1' HUP INT TERM
    unfinished=
    install -d -m 755 "$program"
    build_release
    try_release
    make_account
    install_settings
    unfinished=
    serve "$release"
    prune
    echo "installed $program/.venv"
    if [ -z "$root" ]; then
        systemctl enable maskwatch.service
        systemctl enable --now maskwatch-learn.timer # which does nothing while no labelled samples wait
    fi
    say_what_is_next
}

rollback() {
    previous=$(serving "$program/.venv-previous")
    [ -x "$previous/bin/python" ] || fail "there is no release before this one"
    serve "$previous"
    echo "serves    $previous"
}

uninstall() {
    if [ -z "$root" ]; then
        for unit in maskwatch-learn.timer $services; do
            systemctl disable --now "$unit" || echo "install.sh: $unit was not there" >&2
        done
    fi
    for unit in $units; do
        rm -f "$root/etc/systemd/system/$unit"
    done
    rm -rf "$program/.venv" "$program/.venv-previous" "$program/releases"
    [ ! -d "$program" ] || rmdir "$program" 2>/dev/null || echo "kept      $program (it holds more)"
    rm -rf "$root/var/cache/private/maskwatch"
    rm -f "$root/var/cache/maskwatch"
    [ -n "$root" ] || systemctl daemon-reload
    echo "kept      $root/etc/maskwatch (configuration and camera passwords)"
    echo "kept      $root/var/lib/private/maskwatch (queue, archive, models)"
    echo "kept      the user $account, whose they are"
    echo "Remove them yourself when nobody needs them any more."
}

while [ $# -gt 0 ]; do
    case $1 in
    install | rollback | uninstall) command=$1 ;;
    --from | --python | --root)
        [ $# -gt 1 ] || fail "$1 needs a value" 2
        case $1 in
        --from) from=$2 ;;
        --python) python=$2 ;;
        *) root=${2%/} ;;
        esac
        shift
        ;;
    -h | --help)
        usage
        exit
        ;;
    *) fail "unknown argument $1 (--help tells more)" 2 ;;
    esac
    shift
done

case $root in
'' | /*) ;;
*) root=$PWD/$root ;;
esac
program=$root/opt/maskwatch
settings=$root/etc/maskwatch/config.yaml
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must run as root"
case $command in
uninstall) uninstall ;;
rollback) rollback ;;
*)
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || fail "$python must be Python 3.11 to 3.13"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv (on Debian: apt-get install python3-venv)"
    from=${from:-$(default_source)}
    [ -e "$from" ] || fail "$from: no such file or folder"
    install_program
    ;;
esac
