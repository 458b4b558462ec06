require "enotify";
notify :importance "4" "mailto:a@example.com";
notify :importance "12" "mailto:a@example.com";
notify :importance 1 "mailto:a@example.com";
notify ["mailto:a@example.com", "mailto:b@example.com"];
notify "1mailto:a@example.com";
notify :from "a@example.com, b@example.com" "mailto:a@example.com";
