#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU at one end, and something goes wrong in the middle.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/cuts" --kind x509 --kind plain
