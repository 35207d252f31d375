tls_sources =
