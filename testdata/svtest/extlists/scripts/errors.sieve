require ["extlists"];
if address :list :comparator "i;octet" "from" ":addrbook:friends" { stop; }
redirect :list ":addrbook:enemies";
redirect :list [":addrbook:friends"];
if valid_ext_list 1 { stop; }
