require "redirect-dsn";
redirect :notify "NEVER,DELAY" "carl@example.com";
redirect :notify "" "carl@example.com";
redirect :ret "HEADERS" "carl@example.com";
