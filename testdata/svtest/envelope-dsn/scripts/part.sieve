require ["envelope", "envelope-dsn"];
if envelope :domain "notify" "NEVER" { stop; }
