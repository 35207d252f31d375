channel_tests =
