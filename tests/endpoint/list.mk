endpoint_tests =
