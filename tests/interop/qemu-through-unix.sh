#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same over unix sockets, with TLS there too.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/through" --unix --kind x509 --kind psk --kind plain --fill 64
