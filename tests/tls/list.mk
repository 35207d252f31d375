tls_tests =
