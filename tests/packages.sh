# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installing what is missing on Debian and its like, and nothing else.

# What is needed, a line each: a command, a pkg-config module, a header or a
# package, its name, and the package that brings it.
needed_to_build()
{
    cat <<'T'
command gcc gcc
header stdio.h libc6-dev
command make make
command autoreconf autoconf
command automake automake
command libtoolize libtool
command pkg-config pkg-config
module gnutls libgnutls28-dev
T
}

is_there()
{
    case $1 in
    command) command -v "$2" ;;
    module) pkg-config --exists "$2" ;;
    header) [ -e "/usr/include/$2" ] ;;
    package) ! command -v dpkg || dpkg -s "$2" ;;
    esac >/dev/null 2>&1
}

# install_missing LOG: read lines as above and install what is not there.
install_missing()
{
    local log=$1 kind what package missing=() as_root=()

    while read -r kind what package; do
        is_there "$kind" "$what" || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "missing, and no apt-get to install it: ${missing[*]}"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing, and neither root nor sudo: ${missing[*]}"
            return
        fi
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
    fi
    echo "installing with apt-get: ${missing[*]}"
    {
        timeout 300 "${as_root[@]}" apt-get -q update
        timeout 900 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q install -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 </dev/null
}
