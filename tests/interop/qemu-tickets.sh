#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Nothing is sent to a QEMU that does not read, session tickets least of all.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/through" --kind x509 --kind psk --fill 64 --tap
