require "notify";
notify :high :options "a@example.com" :message "[$] $FROM$ $subject$ $env-from$ $text[4]$ $TEXT[2]";
