#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A running guest goes from one QEMU through a file into another.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/through" --kind x509 --kind psk --kind plain --fill 128 --loop
