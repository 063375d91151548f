#!/bin/sh
# Installs maskwatch as a systemd service, or takes it away again. Run as root; running it again updates the program.
#
#   systemd/install.sh [--from SOURCE] [--python PYTHON] [--root FOLDER]
#   systemd/install.sh uninstall [--root FOLDER]
#
# SOURCE is what pip installs: a folder, a wheel; by default the checkout that this script lies in.
# FOLDER stands for /, to try it out; nothing is enabled, started or stopped there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
units="maskwatch.service maskwatch-learn.service maskwatch-learn.timer"
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

put_once() { # MODE SOURCE TARGET
    if [ -e "$3" ]; then
        echo "kept      $3"
    else
        install -m "$1" "$2" "$3"
        echo "made      $3"
    fi
}

install_program() {
    program=$root/opt/maskwatch
    install -d -m 755 "$program"
    [ -x "$program/.venv/bin/python" ] || "$python" -m venv --clear "$program/.venv"
    "$program/.venv/bin/python" -m pip install --quiet --upgrade "${from}[fast]"
    echo "installed $program/.venv"
}

install_settings() {
    install -d -m 755 "$root/etc/maskwatch"
    install -d -m 700 "$root/etc/maskwatch/credentials"
    # it lies beside the folder of this script, in a checkout and in a package
    put_once 644 "$here/../config.yaml" "$root/etc/maskwatch/config.yaml"
}

install_unit() {
    install -d -m 755 "$root/etc/systemd/system"
    for unit in $units; do
        install -m 644 "$here/$unit" "$root/etc/systemd/system/$unit"
        echo "installed $root/etc/systemd/system/$unit"
    done
    [ -n "$root" ] && return
    systemctl daemon-reload
    systemctl enable maskwatch.service
    systemctl enable --now maskwatch-learn.timer # which does nothing while no labelled samples wait
    systemctl try-restart maskwatch.service
}

say_what_is_next() {
    cat <<EOF

Now
 1. name your cameras in            $root/etc/maskwatch/config.yaml
 2. write each camera's password    (umask 077; cat > $root/etc/maskwatch/credentials/ENTRANCE_PASSWORD)
    which the configuration calls   {MASKWATCH_ENTRANCE_PASSWORD}
 3. start                           systemctl restart maskwatch
 4. look                            systemctl status maskwatch; journalctl -u maskwatch
After a change of the configuration: systemctl reload maskwatch. After one of a password: systemctl restart maskwatch.
EOF
}

uninstall() {
    if [ -z "$root" ]; then
        for unit in maskwatch-learn.timer maskwatch-learn.service maskwatch.app.service; do
            systemctl disable --now "$unit" || echo "install.sh: $unit was not there" >&2
        done
    fi
    for unit in $units; do
        rm -f "$root/etc/systemd/system/$unit"
    done
    rm -rf "$root/opt/maskwatch/.venv"
    [ ! -d "$root/opt/maskwatch" ] || rmdir "$root/opt/maskwatch" 2>/dev/null || echo "kept      $root/opt/maskwatch (it holds more)"
    rm -rf "$root/var/cache/private/maskwatch"
    rm -f "$root/var/cache/maskwatch"
    [ -n "$root" ] || systemctl daemon-reload
    echo "kept      $root/etc/maskwatch (configuration and camera passwords)"
    echo "kept      $root/var/lib/private/maskwatch (queue, archive, models)"
    echo "Remove them yourself when nobody needs them any more."
}

while [ $# -gt 0 ]; do
    case $1 in
    install | uninstall) command=$1 ;;
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

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must run as root"
if [ "$command" = uninstall ]; then
    uninstall
    exit
fi
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || fail "$python must be Python 3.11 to 3.13"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv (on Debian: apt-get install python3-venv)"
from=${from:-$(default_source)}
[ -e "$from" ] || fail "$from: no such file or folder"
install_program
install_settings
install_unit
say_what_is_next
