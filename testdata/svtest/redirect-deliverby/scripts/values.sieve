require "redirect-deliverby";
redirect :bymode "notify" "carl@example.com";
redirect :bytrace "carl@example.com";
redirect :bytimeabsolute "tomorrow" "carl@example.com";
redirect :bytimerelative 10 :bymode "sometimes" "carl@example.com";
redirect :bytimerelative 1 :bytimeabsolute "2199-12-31T23:59:59Z" "carl@example.com";
