base_tests =
