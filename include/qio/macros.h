/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes and version of the public interface; no functions. */
#ifndef QIO_MACROS_H
#define QIO_MACROS_H

#ifdef __cplusplus
#define QIO_BEGIN_DECLS extern "C" {
#define QIO_END_DECLS }
#else
#define QIO_BEGIN_DECLS
#define QIO_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
/* Part of the ABI. */
#define QIO_API __attribute__((visibility("default")))
/* The return value decides; dropping it drops a failure. */
#define QIO_MUST_CHECK __attribute__((warn_unused_result))
/* Called when something has failed: kept away from what is called often. */
#define QIO_COLD __attribute__((cold))
#define QIO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define QIO_API
#define QIO_MUST_CHECK
#define QIO_PRINTF(fmt, args)
#define QIO_COLD
#endif

/* Interface version of these headers; qio_version() tells the library's. */
#define QIO_VERSION_MAJOR 0
#define QIO_VERSION_MINOR 1
#define QIO_VERSION_PATCH 0

#endif
