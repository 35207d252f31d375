#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A source that waits for an answer gets one, and a destination that answers is
# read.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/through" --kind x509 --kind plain --fill 64 --return-path
