net_tests =
