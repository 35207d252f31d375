/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of libqio that users of channels need. */
#ifndef QIO_QIO_H
#define QIO_QIO_H

#include <qio/address.h>
#include <qio/authz.h>
#include <qio/channel-buffer.h>
#include <qio/channel-command.h>
#include <qio/channel-fd.h>
#include <qio/channel-null.h>
#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include <qio/channel-websocket.h>
#include <qio/channel.h>
#include <qio/creds-watch.h>
#include <qio/endpoint.h>
#include <qio/error.h>
#include <qio/listener.h>
#include <qio/loop.h>
#include <qio/macros.h>
#include <qio/objects.h>
#include <qio/spawn.h>
#include <qio/task.h>
#include <qio/tls-config.h>
#include <qio/tls-creds.h>
#include <qio/tls-info.h>
#include <qio/websocket.h>

#endif
