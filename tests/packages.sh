# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installing what is missing on Debian and its like, and nothing else.

# What is needed, a line each: a command, a pkg-config module, a header or a
# package, its name, and the package that brings it. "optional-": fine without,
# if the distribution does not have it.
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
optional-header security/pam_appl.h libpam0g-dev
T
    [ "$(uname -m)" != x86_64 ] || cat <<'T'
optional-header intel-ipsec-mb.h libipsec-mb-dev
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
    local log=$1 kind what package missing=() optional=() as_root=()

    while read -r kind what package; do
        if is_there "${kind#optional-}" "$what"; then
            continue
        fi
        case $kind in
        optional-*) optional+=("$package") ;;
        *) missing+=("$package") ;;
        esac
    done
    if [ ${#missing[@]} -eq 0 ] && [ ${#optional[@]} -eq 0 ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "missing, and no apt-get to install it:" \
            "${missing[*]} ${optional[*]}"
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
    echo "installing with apt-get: ${missing[*]} ${optional[*]}"
    {
        timeout 300 "${as_root[@]}" apt-get -q update
        for package in "${optional[@]}"; do
            apt-cache show "$package" >/dev/null 2>&1 && missing+=("$package")
        done
        timeout 900 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q install -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 </dev/null
}
