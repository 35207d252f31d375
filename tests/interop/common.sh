# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the interoperation scripts share.
set -eu
# shellcheck disable=SC2034 # for those who include this
qemu=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/qemu

# need COMMAND PACKAGE: skip the test without it.
need()
{
    command -v "$1" >/dev/null || {
        echo "$1 is missing (package $2)"
        exit 77
    }
}

need_qemu()
{
    need qemu-system-x86_64 qemu-system-x86
    need python3 python3
    need certtool gnutls-bin
    need ld binutils
}
