/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOAddress: where a socket connects to or listens on. Immutable once made,
 * except through qio_address_set(); may be shared by threads that only read.
 *
 * Text form (qio_address_parse, qio_address_to_string), compatible with QEMU's
 * migration URIs and round-tripping:
 *
 *   tcp:[HOST]:PORT[,to=N][,ipv4=on|off][,ipv6=on|off][,numeric=on|off]
 *       [,keep-alive=on|off][,keep-alive-count=N][,keep-alive-idle=N]
 *       [,keep-alive-interval=N][,mptcp=on|off]
 *   unix:PATH[,abstract=on|off][,tight=on|off]
 *   vsock:CID:PORT
 *   fd:NUMBER
 *
 * A literal IPv6 host stands in brackets, with an optional zone
 * ([fe80::1%eth0]). An empty HOST is every address when listening and this
 * machine when connecting. A boolean may be given without value (",ipv4" is
 * ",ipv4=on"). No option is given twice. A comma inside a unix path is written
 * twice; a path or abstract name has at most 107 bytes. An empty path is that
 * of a socket without a name, which nobody can reach; with abstract=on it lets
 * the kernel choose a name to listen on. The keep-alive numbers (0: the
 * system's) matter with keep-alive=on. CID is a number, or one of host, local
 * and any. mptcp=on falls back to TCP where the kernel has no MPTCP.
 */
#ifndef QIO_ADDRESS_H
#define QIO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOAddress QIOAddress;

typedef enum QIOAddressType {
    QIO_ADDRESS_INET,
    QIO_ADDRESS_UNIX,
    QIO_ADDRESS_VSOCK,
    QIO_ADDRESS_FD,
} QIOAddressType;

/*
 * qio_address_parse: make an address from text as above.
 *
 * Returns: the address, or NULL.
 * Errors: QIO_ERROR_INVALID naming the rule that the text breaks;
 *   QIO_ERROR_UNSUPPORTED; QIO_ERROR_NOMEM.
 * Ownership: the caller frees it with qio_address_free().
 * Threads: any. Never blocks: nothing is resolved. Since: 0.1
 */
QIO_API QIOAddress *qio_address_parse(const char *text,
                                      QIOError **errp) QIO_MUST_CHECK;

/* Constructors without text: host may be "" (any/loopback), port a number or
 * service name; path is taken literally. Same results as parse. Since: 0.1 */
QIO_API QIOAddress *qio_address_new_inet(const char *host, const char *port,
                                         QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOAddress *qio_address_new_unix(const char *path,
                                         QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOAddress *qio_address_new_vsock(uint32_t cid, uint32_t port,
                                          QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOAddress *qio_address_new_fd(int fd, QIOError **errp) QIO_MUST_CHECK;

/* From what the kernel says (getsockname, getpeername): numeric inet, unix
 * (with abstract and tight detected; an unnamed socket has the path ""),
 * vsock. Errors: QIO_ERROR_UNSUPPORTED for other families, QIO_ERROR_INVALID
 * for a short length. Since: 0.1 */
QIO_API QIOAddress *qio_address_from_sockaddr(const struct sockaddr *sa,
                                              socklen_t len,
                                              QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_address_set: change one option by its name in the grammar, e.g.
 * qio_address_set(addr, "to", "5910", errp). Combinations are checked as a
 * whole ("ipv4=off" after "ipv6=off" is refused).
 *
 * Returns: 0, or -1 with the address unchanged. Since: 0.1
 */
QIO_API int qio_address_set(QIOAddress *addr, const char *option,
                            const char *value, QIOError **errp) QIO_MUST_CHECK;

/* Text that parses to an equal address. The caller frees it with free().
 * Errors: QIO_ERROR_NOMEM; QIO_ERROR_UNSUPPORTED for a name that the kernel
 * told and text cannot hold (a NUL in an abstract name). Since: 0.1 */
QIO_API char *qio_address_to_string(const QIOAddress *addr,
                                    QIOError **errp) QIO_MUST_CHECK;

/* A copy that the caller frees; NULL without memory. Since: 0.1 */
QIO_API QIOAddress *qio_address_copy(const QIOAddress *addr,
                                     QIOError **errp) QIO_MUST_CHECK;
/* Whether type, fields and options are the same; as written, nothing is
 * resolved. Since: 0.1 */
QIO_API bool qio_address_equal(const QIOAddress *a, const QIOAddress *b);
/* NULL is allowed. Since: 0.1 */
QIO_API void qio_address_free(QIOAddress *addr);

/*
 * Getters. Strings are owned by the address and NULL when the type has no such
 * field; numbers are then 0. Tri-state options are -1 when not given.
 * Since: 0.1
 */
QIO_API QIOAddressType qio_address_type(const QIOAddress *addr);
QIO_API const char *qio_address_host(const QIOAddress *addr);
QIO_API const char *qio_address_port(const QIOAddress *addr);
QIO_API unsigned qio_address_port_to(const QIOAddress *addr);
QIO_API int qio_address_ipv4(const QIOAddress *addr);
QIO_API int qio_address_ipv6(const QIOAddress *addr);
QIO_API bool qio_address_numeric(const QIOAddress *addr);
QIO_API bool qio_address_mptcp(const QIOAddress *addr);
QIO_API bool qio_address_keep_alive(const QIOAddress *addr);
/* 0: the system's. */
QIO_API uint32_t qio_address_keep_alive_count(const QIOAddress *addr);
QIO_API uint32_t qio_address_keep_alive_idle(const QIOAddress *addr);
QIO_API uint32_t qio_address_keep_alive_interval(const QIOAddress *addr);
QIO_API const char *qio_address_path(const QIOAddress *addr);
QIO_API bool qio_address_abstract(const QIOAddress *addr);
QIO_API bool qio_address_tight(const QIOAddress *addr);
QIO_API uint32_t qio_address_vsock_cid(const QIOAddress *addr);
QIO_API uint32_t qio_address_vsock_port(const QIOAddress *addr);
QIO_API int qio_address_fd(const QIOAddress *addr);

QIO_END_DECLS

#endif
